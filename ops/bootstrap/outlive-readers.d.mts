/** Whoever reads the output may go before the program does; losing the rest of it is no reason to end. */
export function outliveReaders(): void;

/** Installs what package-lock.json names, unless it is installed already. Processes that need this at the same time take turns. */
export function ensureInstalled(options: { dev: boolean }): Promise<void>;

/** The packages that package-lock.json names and node_modules lacks or has in another version, by path. */
export function missingPackages(options: { dev: boolean; root?: URL }): string[];

/** What the packages take on disk, in MB. */
export const ABOUT_MB: { readonly production: number; readonly development: number };

/** Ends the process with one sentence when this Node is older than package.json's `engines` allow. */
export function requireSupportedNode(): void;

/** Compares two versions of three numbers. */
export function isAtLeast(version: string, needed: string): boolean;

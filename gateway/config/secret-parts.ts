/** What in the value of a secret variable is the secret: of a URL its password, of rules and objects their values. */

/** The parts of `text` that nobody may be told. */
export function secretParts(text: string): string[] {
  if (text.startsWith('-----BEGIN')) return text.split(/\r?\n/).filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line));
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && URL.canParse(text)) {
    const { password, searchParams } = new URL(text);
    return [password, decode(password), ...searchParams.getAll('password')].filter((part) => part !== '');
  }
  if (text.startsWith('{')) {
    try {
      return leavesOf(JSON.parse(text));
    } catch {
      return [text];
    }
  }
  const rules = [...text.matchAll(/(?:^|[;\n])\s*(?:set|default)\s+[^\s:=]+\s*[:=]\s*([^;\n]*)/gi)];
  return rules.length > 0 ? rules.map(([, value]) => value!.trim()) : [text];
}

function leavesOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : [];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A `%` that stands for itself.
  }
}

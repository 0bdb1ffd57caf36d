/** What a client may choose the length of makes no line that nothing can read. No character is cut in half. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = /[\uD800-\uDBFF]$/.test(text.slice(0, most)) ? most - 1 : most;
  return `${text.slice(0, kept)}… (${text.length - kept} more characters)`;
}

/** The key in a query: `?token=`. Given twice it is none, as two readers could take different ones. */
export function queryToken(query: string): string | null {
  const tokens = query === '' ? [] : new URLSearchParams(query).getAll('token');
  return tokens.length === 1 ? tokens[0]! : null;
}

/**
 * A whole number as people read it, in groups of three: 10,000.
 *
 * Not by `toLocaleString`: the first call of it loads tables of the world's languages, which was 10 ms of each start.
 */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

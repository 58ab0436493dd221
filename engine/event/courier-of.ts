/** Which courier has an origin. LOCAL handlers are on the main thread; the origins of the others are spread over the courier threads. */
export function courierOf(origin: string, couriers: number): number {
  if (origin.startsWith('local:') || couriers === 1) return 0;
  let hash = 0;
  for (let at = 0; at < origin.length; at++) hash = Math.imul(hash ^ origin.charCodeAt(at), 0x01000193);
  return 1 + ((hash >>> 0) % (couriers - 1));
}

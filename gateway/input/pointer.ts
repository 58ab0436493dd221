/** RFC 6901: `/headers/x~1y` is the member `x/y` of `headers`. */
export function pointerTo(...names: readonly string[]): string {
  return names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

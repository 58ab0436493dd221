/** An external job id in a path: percent-encoded UTF-8, as it may hold a slash or a space. Null when it cannot be read: then there is no such event. */
export function readExternalJobId(parameter: string): string | null {
  try {
    return decodeURIComponent(parameter);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

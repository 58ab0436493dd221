/**
 * The head of a request, read once: the few headers that anybody here asks for, and whether its framing can be trusted.
 *
 * The server library takes the first of two Content-Lengths and any Transfer-Encoding that ends like `chunked`. A proxy in
 * front may decide otherwise, and where the two disagree about the end of a request the rest of it becomes another
 * client's next request (request smuggling). So whatever can be read in two ways is refused and the connection closed.
 */
export class RequestHead {
  contentType: string | null = null;
  authorization: string | null = null;
  host: string | null = null;
  origin: string | null = null;
  lastEventId: string | null = null;
  contentLength: string | null = null;
  transferEncoding: string | null = null;
  /** Null also for `identity`, which says that there is none. */
  contentEncoding: string | null = null;
  idempotencyKey: string | null = null;
  /** Several lines are one list. */
  ifMatch: string | null = null;
  requestId: string | null = null;
  traceparent: string | null = null;
  upgrade: string | null = null;
  webSocketKey: string | null = null;
  webSocketVersion: string | null = null;
  /** The first header that came twice and must not. */
  #repeated: string | null = null;

  /** Called for each header line, with the name in lower case. */
  take(name: string, value: string): void {
    switch (name) {
      case 'host':
        this.host = this.#once(name, this.host, value);
        break;
      case 'content-length':
        this.contentLength = this.#once(name, this.contentLength, value);
        break;
      case 'transfer-encoding':
        this.transferEncoding = this.#once(name, this.transferEncoding, value);
        break;
      case 'content-encoding':
        if (value !== '' && value.toLowerCase() !== 'identity') this.contentEncoding = value;
        break;
      case 'content-type':
        this.contentType = this.#once(name, this.contentType, value);
        break;
      case 'last-event-id':
        this.lastEventId = this.#once(name, this.lastEventId, value);
        break;
      case 'authorization':
        this.authorization = this.#once(name, this.authorization, value);
        break;
      case 'idempotency-key':
        this.idempotencyKey = this.#once(name, this.idempotencyKey, value);
        break;
      case 'origin':
        this.origin = this.#once(name, this.origin, value);
        break;
      case 'if-match':
        this.ifMatch = this.ifMatch === null ? value : `${this.ifMatch}, ${value}`;
        break;
      case 'x-request-id':
        this.requestId = value;
        break;
      case 'traceparent':
        this.traceparent = value;
        break;
      case 'upgrade':
        this.upgrade = value;
        break;
      case 'sec-websocket-key':
        this.webSocketKey = value;
        break;
      case 'sec-websocket-version':
        this.webSocketVersion = value;
        break;
    }
  }

  /** Why this request cannot be told from the next one; null when it can. */
  framingFault(): string | null {
    if (this.#repeated !== null) return `the header ${this.#repeated} is given twice`;
    if (this.transferEncoding !== null) {
      if (this.contentLength !== null) return 'Content-Length and Transfer-Encoding exclude each other';
      if (this.transferEncoding.toLowerCase() !== 'chunked') return 'the only Transfer-Encoding accepted is chunked';
    }
    if (this.contentLength !== null && !/^\d{1,15}$/.test(this.contentLength)) return 'Content-Length must be a number';
    return null;
  }

  /** Of the body; 0 when there is none, -1 when only its end will tell. */
  get bodyBytes(): number {
    if (this.transferEncoding !== null) return -1;
    return this.contentLength === null ? 0 : Number(this.contentLength);
  }

  #once(name: string, before: string | null, value: string): string {
    if (before !== null) this.#repeated ??= name;
    return value;
  }
}

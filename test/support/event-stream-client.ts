/** A client of server-sent events that keeps every event. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { until } from './deadline.js';
import type { ChangeItem } from './stream-client.js';

export interface ServerSentEvent {
  readonly event: string;
  /** Null: it carries none. */
  readonly id: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export class EventStreamClient {
  readonly events: ServerSentEvent[] = [];
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  /** As a browser keeps it, for `Last-Event-ID`. */
  lastEventId: string | null = null;
  retryMs: number | null = null;
  isClosed = false;
  /** The last chunk came, as it should: the stream has an end and was not broken off. */
  isComplete = false;
  readonly #onEvent: (event: ServerSentEvent) => void;
  #text = '';

  private constructor(sent: ClientRequest, response: IncomingMessage, onEvent: ((event: ServerSentEvent) => void) | null) {
    this.#request = sent;
    this.#onEvent = onEvent ?? ((event) => this.events.push(event));
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    response.on('end', () => {
      this.isComplete = true;
    });
    response.on('close', () => {
      this.isClosed = true;
    });
    response.on('error', () => undefined);
  }

  /** The status is the caller's to look at. `onEvent`: instead of keeping events. */
  static connect(
    url: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    onEvent: ((event: ServerSentEvent) => void) | null = null,
  ): Promise<EventStreamClient> {
    return new Promise((resolve, reject) => {
      const sent = request(url + path, { headers: { accept: 'text/event-stream', ...headers }, agent: false });
      sent.on('response', (response) => resolve(new EventStreamClient(sent, response, onEvent)));
      sent.on('error', reject);
      sent.end();
    });
  }

  items(): ChangeItem[] {
    return this.events.filter(({ event }) => event === 'changes').flatMap(({ data }) => data['items'] as ChangeItem[]);
  }

  until(what: string, matches: (event: ServerSentEvent) => boolean): Promise<ServerSentEvent> {
    return until(what, () => this.events.find(matches));
  }

  pause(): void {
    this.response.pause();
  }
  resume(): void {
    this.response.resume();
  }

  close(): void {
    this.#request.destroy();
  }

  #take(text: string): void {
    this.#text += text;
    const blocks = this.#text.split('\n\n');
    this.#text = blocks.pop()!;
    for (const block of blocks) this.#read(block);
  }

  #read(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) continue;
      const at = line.indexOf(': ');
      fields.set(line.slice(0, at), line.slice(at + 2));
    }
    if (fields.has('retry')) this.retryMs = Number(fields.get('retry'));
    const id = fields.get('id') ?? null;
    this.lastEventId = id ?? this.lastEventId;
    const data = fields.get('data');
    if (data === undefined) return;
    this.#onEvent({ event: fields.get('event')!, id, data: JSON.parse(data) as Readonly<Record<string, unknown>> });
  }
}

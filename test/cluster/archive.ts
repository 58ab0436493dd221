/** Events far ahead that fill segments, and whether they are there as they were written. */
import { randomBytes } from 'node:crypto';
import { pause, until } from '../support/deadline.js';
import type { Client } from '../support/http.js';

/** A round of them fills a segment of each of four partitions; ... */
const round = { events: 32, textBytes: 3_000 };
/** ... of these it takes hundreds. */
export const few = { events: 6, textBytes: 40 };
/** So often an owner looks whether a segment is full. */
const roundMs = 1_000;

export interface Stored {
  readonly id: string;
  readonly partition: number;
  readonly text: string;
}

/** Events far ahead, each with a text of its own that shows wherever it is stored. */
export class Archive {
  readonly stored: Stored[] = [];
  #next = 0;

  /** Until each of a round of them has been accepted, however often that has to be asked for. */
  async add(client: Client, { events: count, textBytes } = round): Promise<readonly Stored[]> {
    const events = Array.from({ length: count }, () => ({
      source: 'archive',
      external_job_id: `archive-${this.#next++}`,
      destination: 'https://example.org/',
      delay: '1d',
      payload: { text: randomBytes(textBytes / 2).toString('hex') },
    }));
    const added = await Promise.all(
      events.map((event) =>
        until(`${event.external_job_id} is accepted`, async () => {
          const { status, body } = await client.schedule(event);
          return status < 202 && { id: body.id, partition: Number(body['partition']), text: event.payload.text };
        }),
      ),
    );
    this.stored.push(...added);
    return added;
  }

  /** Round by round, until it is so. */
  async fill(client: Client, what: string, isSo: () => Promise<boolean>): Promise<void> {
    await until(what, async () => {
      await this.add(client);
      await pause(roundMs);
      return isSo();
    });
  }

  /** What is not there as it was written. */
  async missing(client: Client, among: readonly Stored[] = this.stored): Promise<readonly string[]> {
    const missing: string[] = [];
    for (const { id, text } of among) {
      const { status, body } = await client.event(id);
      if (status !== 200 || (body.payload as { readonly text: string }).text !== text) missing.push(`${id}: ${status}`);
    }
    return missing;
  }

  in(partitions: readonly number[]): readonly Stored[] {
    return this.stored.filter(({ partition }) => partitions.includes(partition));
  }
}

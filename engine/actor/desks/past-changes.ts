/**
 * Status changes that are past, read from the log for a stream that goes on from an earlier place.
 *
 * Only what is durable is told: what lies behind may be taken back and its sequences used again. A partition that does not work
 * refuses instead of letting the request wait, since a stream has other partitions to go on with; it comes again when this one has
 * announced itself (`watching`).
 */
import type { ErrorCode } from '../../kernel/errors.js';
import type { HostPorts } from '../host-ports.js';
import type { PartitionActor } from '../partition-actor.js';
import type { Reads } from '../reads.js';
import type { HostRequest } from '../requests.js';

export type ChangesRequest = Extract<HostRequest, { readonly op: 'changes' }>;

export function tellPastChanges(
  { request, after, upTo }: ChangesRequest,
  { actor, reads, ports }: { readonly actor: PartitionActor; readonly reads: Reads; readonly ports: Pick<HostPorts, 'reply'> },
): void {
  const { partition, durable } = actor;
  const refuse = (code: ErrorCode, detail: string) =>
    ports.reply({ op: 'refused', request, code, detail, event: null, status: null });
  if (actor.phase !== 'ready') {
    refuse('partition-unavailable', `partition ${partition} is ${actor.phase}`);
    return;
  }
  reads.ask({ op: 'changes', partition, after, upTo: upTo < durable ? upTo : durable }, (reply) => {
    if (reply.op === 'failed') refuse('internal', reply.detail);
    if (reply.op !== 'changes') return;
    const { after: begin, through, changes } = reply;
    ports.reply({ op: 'changes', request, after: begin, through, changes });
  });
}

/**
 * A node in a process of its own, with hosts that hold no events. As a courier would, it looks at the lease before each of its "attempts" every millisecond, and
 * says which it made: `act <session> <partitions> <time of the machine's clock>`.
 */
import { ClusterNode } from '../../engine/cluster/cluster-node.js';
import { LeaseBoard, machineNow } from '../../engine/kernel/lease-board.js';
import { readNatsAddress } from '../../engine/nats/nats-address.js';
import { NatsLink } from '../../engine/nats/nats-link.js';
import { createLogger } from '../../engine/observe/logger.js';
import { clusterTimes, nodeShape } from './cluster-fixture.js';
import { OwnerRegistry, StandInHosts } from './stand-in-hosts.js';

const [url, name] = process.argv.slice(2) as [string, string];
const link = new NatsLink({ address: readNatsAddress(url)!, name });
const board = LeaseBoard.create(0);
const hosts = new StandInHosts(name, { board, registry: new OwnerRegistry() });
const self = { node: name, address: name, weight: 1, version: '0', startedAt: Date.now() };
const logger = createLogger({ level: 'silent', format: 'json' });
const node = new ClusterNode({ link, board, self, shape: nodeShape, hands: hosts, logger, times: clusterTimes });
hosts.node = node;

// What was served before is attempted first thing after a pause, before anything else has had its turn.
let session: string | null = null;
setInterval(() => {
  if (node.session !== null) session = node.session;
  if (board.isAhead && hosts.serving.size > 0) console.log(`act ${session} ${hosts.serving.size} ${machineNow()}`);
}, 1);

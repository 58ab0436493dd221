/** Every bound of the engine by name, with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** The contract: at most 256 KiB of payload. */
export const payloadBytesMax = 256 * KiB;
/** The contract: payloads at most 128 levels deep (V8 itself fails near 10,000 when it writes JSON). */
export const payloadDepthMax = 128;
/** The contract: tags of one event, also when several changes have been merged. */
export const tagsMax = 16;
/** The contract: a single event's request. */
export const eventBodyBytesMax = 512 * KiB;
/** The contract: a batch request. */
export const batchBodyBytesMax = 32 * MiB;
/** The contract: events in one batch. */
export const batchEventsMax = 10_000;
/** The contract: at most ten years ahead (ten times 366 days, so that leap years never surprise). */
export const aheadMsMax = 10 * 366 * 86_400_000;
/** Idempotency keys are remembered for a day after the event was created. */
export const idempotencyKeyMs = 86_400_000;

/** Slots in an event id; a partition count divides the range unevenly but by at most one. */
export const slots = 4096;
/** More partitions than this cost more file handles than they bring parallelism. */
export const partitionsMax = 1024;
/** Of a new cluster whose operator has not said: enough to be shared evenly by a dozen nodes, and to go on growing. */
export const clusterPartitions = 64;
/** Rows of one partition: handles are 26-bit so that a handle and its generation fit one double. */
export const pendingPerPartitionMax = 2 ** 26;

/** Commands waiting for one actor host; a full mailbox answers `overloaded` and nothing was written. */
export const mailboxItemsMax = 100_000;
/** Bytes of those commands. */
export const mailboxBytesMax = 64 * MiB;
/** New events of one partition that travel as one; a sheaf that is full leaves at once. */
export const sheafEventsMax = 64;
/**
 * New events of a host's partitions together that leave at once, before the pass of the event loop is over, so that host and disk work while
 * more is read. With 64 a host was woken so often that it cost 1 us an event.
 */
export const leavingEventsMax = 256;
/** A sheaf ends with the event that takes it beyond this: copying it takes some 0.1 ms. */
export const sheafBytesMax = 256 * KiB;
/** Records handed to the log writer and not yet durable; beyond it the host takes no new commands. */
export const unsyncedRecordsMax = 200_000;
/** Bytes of those records. */
export const unsyncedBytesMax = 128 * MiB;
/** How long a host works on each of what couriers say, its mailbox, and a replay, before the next has its turn. */
export const turnBudgetMs = 1;
/** The same for what is due, and for distributing coarse slots: an event on time waits for two or three turns until it leaves. */
export const firingBudgetMs = 0.5;
/** The same for lists and bulk changes: with a millisecond of them in each turn an event that was due started 4 ms late, and with a quarter most of it were turns. */
export const walkBudgetMs = 0.4;
/** Due events taken from the wheels in one turn, ... */
export const dueMax = 2_000;
/** ... so many between two looks at the clock: 0.1 ms of work, 1 ms when memory is cold. */
export const dueSliceMax = 250;
/** Entries that a host's wheels distribute from coarse to fine slots in one turn, ... */
export const distributeMax = 4_000;
/** ... so many between two looks at the clock: 0.1 ms of work, 0.5 ms when memory is cold. */
export const distributeSliceMax = 500;
/** Payloads are read about this long before they are due, so that a cold page adds nothing to the lag. */
export const readAheadMs = 1_000;
/** Payloads read ahead, per host; they take twice as much memory at most. */
export const readAheadBytesMax = 64 * MiB;
/** The same in bodies: each also costs some fifty bytes beside its own. */
export const readAheadBodiesMax = 131_072;
/** Those of one origin in one partition: what one origin takes in a second, with room to spare; ... */
export const readAheadPerOriginMax = 8_192;
/** ... and of those so many that are due in the same millisecond: while they leave, there is time to read those behind them. */
export const readAheadPerMomentMax = 256;
/** An event that is due within this time of its acceptance keeps its payload in memory. */
export const keepPayloadMs = 2_000;

/** A segment is sealed at this size ... */
export const segmentBytesMax = 256 * MiB;
/** ... or this age, whichever comes first. */
export const segmentAgeMsMax = 86_400_000;
/** Half of a segment: what is in the -wal file takes its space twice. */
export const walBytesMax = 128 * MiB;

/** Records of a host between snapshots, shared by its partitions: a replay after a crash reads 650,000 a second of events that finish, ... */
export const snapshotRecords = 800_000;
/** ... but so many of each at least: a snapshot opens half a dozen files and syncs two. */
export const snapshotRecordsMin = 25_000;

/** Of a webhook's answer: read at most, and kept with the attempt. */
export const responseReadBytesMax = 64 * KiB;
export const responseKeptBytesMax = 1 * KiB;
/** `Retry-After` is honoured up to one day. */
export const retryAfterMsMax = 86_400_000;
/** Attempts running at once over all origins of one courier. */
export const attemptsInFlightMax = 4_096;

/**
 * Deliveries at once to one LOCAL handler: they cost no connection, and handlers take them in batches. All of them may end in
 * one message, which holds the host up for 10 us each: 512 doubled the lag of others and brought no more through.
 */
export const localConcurrency = 256;

/** Attempts in flight at a stop may finish for this long. */
export const drainMsMax = 10_000;
/** Changes of one partition that wait for their labels, while somebody watches; beyond it they are left to be read from the log. */
export const changesHeldMax = 10_000;
/** Bodies read for labels at a time. */
export const labelsReadMax = 256;
/** Records behind a place of the status stream that are read from the log at a time: about 5 ms of the reader's thread. */
export const changeSliceRecordsMax = 250;
/** Rows read for them, with those of earlier records of the same events ... */
export const changeSliceRowsMax = 512;
/** ... and their bytes; payloads are in them. */
export const changeSliceBytesMax = 1 * MiB;
/** Events of which the reader remembers how they stood at their newest record that it has told: about 200 bytes each. */
export const knownStandingsMax = 16_384;
/** A thread that has to end does so within this time, by itself or terminated: else the process does. */
export const terminateMsMax = 2_000;
/** The contract's default: log positions of a partition that a place in the status stream may lie back. */
export const replayWindow = 100_000;
/** Changes that a subscriber gets at once: one frame, about 150 KiB. */
export const batchChangesMax = 500;
/** Changes that the hub keeps so that whoever is nearly there can catch up, and the pieces in which they came: about 4 MiB. */
export const recentChangesMax = 10_000;
export const recentChunksMax = 256;
/** Slices of the log that the hub keeps, because many who were cut off together read the same: about 10 MiB. */
export const pastSlicesMax = 128;
/** Changes handed to those who catch up before the gateway's thread does something else: about 3 ms. */
export const catchUpChangesMax = 1_000;
/**
 * A status-stream socket that has not taken this much gets no more until it has: its place is remembered instead. A few times what
 * the largest batch takes, so that a client on a slow line is never short of work.
 */
export const streamBacklogBytesMax = 256 * KiB;

/** Origins whose settings one partition takes; it may hold as many copies of another partition's. Some 200 bytes each, on every courier too. */
export const originSettingsMax = 1_000;

/** Free space on the disk below which new work is refused, so that outcomes and cancels still fit. */
export const freeBytesMin = 256 * MiB;
/** Kept aside in a file, and given back for outcomes and cancels when space has run out all the same. */
export const ballastBytes = 32 * MiB;
/** Origins that a courier remembers; idle ones beyond it are forgotten, the longest idle first. */
export const originsMax = 10_000;

/** Events of one page of a list: the contract. */
export const listLimitMax = 1_000;
/** The contract: rows that can be reached by number of page. */
export const listPagedRowsMax = 10_000;
/** How long a host works on one list before it answers with what it has; the contract allows the whole call 250 ms. */
export const listWorkMs = 150;
/** Lists that one partition works on at once: each holds up to 10,000 places. */
export const listsOpenMax = 32;
/** Views fetched with one message: the host takes them in and hands them on within half a millisecond. */
export const viewsPerMessageMax = 64;
/** Events with the same external job id, over all sources, that are shown at most. */
export const externalIdMatchesMax = 1_000;

/** Events that one bulk change may change: the contract wants a million in one go. */
export const bulkLimitMax = 1_000_000;
/** How long one bulk change goes on before it answers with what it has done: clients and proxies wait about half a minute. */
export const bulkWorkMs = 10_000;
/** Events that the reader looks at for a bulk change in one message: half a millisecond of its time. */
export const bulkBatchEvents = 256;
/** Bytes of specs that the reader goes over for one such message: the host takes them in within a millisecond. */
export const bulkReplyBytes = 1 * MiB;
/** Finished events that the reader names with one message out of its indexes, before any of them is read: a millisecond of its time. */
export const indexedFinalsMax = 1_024;
/** Such messages under way for one bulk change: its host has something to settle while the reader stands behind others. */
export const bulkBatchesMax = 6;
/** Records of a partition that are decided and not durable, beyond which a bulk change waits for the disk. */
export const bulkUnsyncedMax = 20_000;

/** Pairs of source and type whose rates and latencies a host follows, 45 KB each. */
export const labelFlowsMax = 256;
/** Pairs of source and type of pending events that a partition has sums of, 300 bytes each; beyond it statistics of one of them count rows. */
export const labelPairsMax = 1_024;
/** The same of the finished events of one segment: a partition may have a hundred segments. */
export const segmentLabelPairsMax = 256;

/** The contract: events in one message of ingestion. */
export const ingestEventsMax = 1_000;
/** Messages of ingestion that one pull asks for, ... */
export const ingestPullMessages = 256;
/** ... and their bytes: more than one message of a server that is set up for large ones. */
export const ingestPullBytes = 8 * MiB;
/** Messages pulled and not yet durable. A message of one event waits for an fsync or two, so this carries 100,000 of them a second. */
export const ingestMessagesHeldMax = 2_048;
/** Their bytes. */
export const ingestBytesHeldMax = 32 * MiB;
/** Their events, as far as they are known: a fifth of one host's mailbox, so that HTTP always finds room. */
export const ingestEventsHeldMax = 20_000;
/** After this long without a word the server hands a message out again; a killed engine's messages come back after it. */
export const ingestAckWaitMs = 5_000;
/** Messages handed out and not acknowledged, those that wait to be handed out again among them; beyond it none is handed out. */
export const ingestAcksMax = 20_000;
/** A message that cannot be taken at the moment comes back after this long, twice as long each time, ... */
export const ingestAgainMs = 250;
/** ... but no longer than this. */
export const ingestAgainMsMax = 30_000;
/** What is said about messages that are rejected waits for its stream this long. */
export const rejectMsMax = 10_000;
/** Of one message about rejected events: below the usual `max_payload` of 1 MiB, headers included. */
export const rejectedBytesMax = 768 * KiB;
/** Bytes on the status subjects that the server has not confirmed; beyond it the place in the log is remembered instead. */
export const announcedBytesMax = 4 * MiB;
/** Dead letters on their way to their stream. */
export const deadLettersMax = 256;

/** A node's session is gone after this long without a renewal: the time until others may take over what it owned. */
export const sessionTtlMs = 8_000;
/** Four renewals in that time: three may be lost or late. */
export const sessionRenewMs = 2_000;
/** The lease ends this long before the session can be gone: clocks of two machines do not run alike, and an attempt that was let through starts a little later. */
export const leaseMarginMs = 1_000;
/** Nodes that live shorter than this get no partitions: one that comes and goes would move them for nothing. */
export const memberSettledMs = 3_000;
/** Of those who might claim a partition that nobody owns, each next one waits so much longer. */
export const claimTurnMs = 300;
/** Ownership markers on their way at once; a synced server writes some 2,000 a second. */
export const claimsInFlightMax = 64;
/** Partitions that one node hands over at a time: the others are served meanwhile. */
export const partitionsMovingMax = 4;
/** A partition is handed over when its next owner says that it is at most so many entries of its journal behind: a fraction of a second, ... */
export const handOverLagMax = 64;
/** ... or, when it has not come so close in this time under a load that goes on and on, ... */
export const handOverPatienceMs = 30_000;
/** ... at most so many: a few seconds. Further behind, or where it cannot follow, it would be down for longer than it has to. */
export const handOverLateLagMax = 4_096;
/** A node says this often how it is with what it serves and follows. */
export const nodeReportMs = 1_000;
/** A partition may be without an owner for so long before a node calls itself degraded: longer than a hand-over, shorter than a failover. */
export const unownedMsMax = 5_000;
/** Processes whose figures are kept apart, so that one that was silent for a while is not counted twice: what 256 restarts of nodes need, 20 KB each. */
export const countingProcessesMax = 256;
/** What waits in a node that has been silent for so long is not shown: it waits elsewhere by then, or will. */
export const totalsSilenceMsMax = 5_000;
/** A partition that failed here is not claimed again for so long, twice as long each time, ... */
export const failedHoldMs = 5_000;
/** ... but no longer than this. */
export const failedHoldMsMax = 300_000;
/** A gateway of a cluster takes requests for so long after it has said that it is not ready: load balancers look once a second, and twice before they believe it. */
export const noticedMs = 2_500;
/** A node that stops serves all of its partitions for so long first: others that stop at the same time are known by then, and get none of them. */
export const handOverStopPauseMs = 500;
/** A node that stops serves a partition until its next owner is as close as for any hand-over, at most for so long. */
export const handOverStopPatienceMs = 5_000;
/** A node that stops waits this long for its partitions to be handed over: next owners come close, attempts in flight end, and a little more. */
export const handOverAllMsMax = 15_000;
/**
 * A process that has been asked to stop and has not ended after so long hangs. Requests, threads and files take far less than the 10 s; attempts in flight
 * may have all of `drainMsMax`, in a cluster behind the hand-over. Supervisors have to wait a little longer: `docs/deploy/`.
 */
export const stopMsMax = { alone: drainMsMax + 10_000, inCluster: handOverAllMsMax + drainMsMax + 10_000 } as const;

/** Attempts in flight may end for this long before a partition is handed over, and then what has been decided may become durable for as long. */
export const releaseMsMax = 5_000;
/** Records of one entry of a journal: below the usual `max_payload` of 1 MiB, with a record more and headers. */
export const journalEntryBytesMax = 512 * KiB;
/** Entries that one replica thread has under way, of all its partitions: what the others gather meanwhile is one entry. With four there were a third more. */
export const journalEntriesUnderWay = 2;
/** None waits longer for its turn: with a stream that is milliseconds away, or has no leader, the others need not stand still. */
export const journalTurnMsMax = 10;
/** Nor does one of so many bytes wait: it has some forty events by then, and what it costs beside them is little. */
export const journalTurnBytesMax = 16 * KiB;
/** One try to add an entry waits this long: a stream on three synced disks takes milliseconds; one whose leader died never answers. */
export const journalTryMs = 2_000;
/** Records of one part of a base: read from the copy by the thread that publishes entries, so in a few milliseconds at most. */
export const basePartBytesMax = 256 * KiB;
/** The journal keeps what the newest of so many sealed segments hold, though bases have it: should these be damaged, nothing is missing. */
export const journalKeepsSegments = 2;
/** Whoever follows a journal has so much of it in memory, and for a second, before it is written to the copy: as one, which costs little more than one entry. */
export const followedBytesMax = 256 * KiB;
/** Copies of one partition that a node sets aside; a disk that damages more of them is to be looked at, and not to be filled. */
export const copiesSetAsideMax = 3;
/** Entries of a partition that somebody who follows it has been sent and has not taken: 8 MiB at most. */
export const journalReadAheadEntries = 16;
/** Whoever is behind asks the leader for so many entries one by one before it has them come in bulk: most are not further behind, and a consumer takes JetStream some milliseconds. */
export const bulkAfterEntries = 32;
/** One pull of a reading in bulk brings at most so many entries ... */
export const bulkPullEntries = 256;
/** ... of so many bytes: any entry, since `max_payload` is 1 MiB as a rule. One that is larger is asked for by itself. */
export const bulkPullBytes = 1_280 * KiB;
/** Pulls that one replica thread has under way, of all its partitions: 5 MiB in the air. */
export const bulkPullsUnderWay = 4;
/** A pull that brings nothing for so long is given up: its server is gone, or far behind the leader. So no turn is waited for much longer, either. */
export const bulkSilenceMsMax = 500;

/** Of what nodes say to each other, in one message of NATS: half of what servers take unless they are told otherwise. */
export const peerPartBytesMax = 512 * KiB;
/**
 * Requests that leave for another node together are cut into messages behind the sheaf with which they come to so many bytes, as a full one does. The
 * client reads sockets by 64 KiB, and for a message that does not end within a read it takes memory of up to three times its size.
 */
export const peerBatchBytesMax = 16 * KiB;
/** Put together: the open requests of one node, which its mailbox for the other one bounds, and as much again for the rest. */
export const peerMessageBytesMax = 2 * mailboxBytesMax;
/** Nodes show each other that they live this often while one waits for something of the other ... */
export const peerPulseMs = 1_000;
/** ... and else this often: all of them do it to all others. */
export const peerRestPulseMs = 4_000;
/** What one was asked is lost when it has been silent for this long: longer than a pause that its collector of garbage makes. */
export const peerSilenceMsMax = 4_000;
/** A node that makes attempts has so long to put in force what was set for an origin: longer than a session lasts without renewal. */
export const inForceMsMax = 15_000;
/** What is shown of origins is of the nodes that have answered by then; couriers that still learn what is set take two seconds. */
export const originShownMsMax = 3_000;
/** Settings of a partition that could not be had from its owner are asked for again after so long, or when there is news of it. */
export const settingsAgainMs = 1_000;
/** Questions of one node that another one has not answered: about destinations, which people and a few programs ask. */
export const peerQuestionsMax = 1_024;
/** The contract: by now whoever has sent a new event hears that it is kept for the next owner, if none has answered. */
export const ownerAnswersMs = 2_000;
/** It is safe for so long before anybody hears of it, so that an owner that works has found it: it looks every `keptLookMs`, and that takes a while. */
export const keptUnheardMs = 750;
/** Whatever else is asked about a partition waits this long for an owner: longer than a takeover. */
export const ownerWaitMsMax = 15_000;
/** A partition whose owner says that it is none is asked again after so long, or when there is news of it. */
export const ownerAgainMs = 100;
/** How long new events may take to become safe for the next owner. */
export const keepMsMax = 5_000;
/** An owner looks this often whether something was kept for its partitions that it was too slow for, or out of reach, while it is asked for new events ... */
export const keptLookMs = 500;
/** ... and else this often: whoever keeps some says so. */
export const keptRestLookMs = 2_000;
/** New events may be on their way to an owner for so long, while they are kept as well: whoever sends them, or reads them, may be frozen for as long as it has a session. */
export const onItsWayMsMax = 60_000;
/** A node that starts waits this long for NATS, and for a leader of what it needs there: servers that start together need a while. */
export const joinMsMax = 60_000;
/** What could not be had there is tried again after so long. */
export const joinAgainMs = 1_000;

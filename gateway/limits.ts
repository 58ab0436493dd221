/** Bounds that belong to the front door alone, each with its reason. Those of the contract are the engine's. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Connections from one address: more than a load generator opens, far fewer than the file handles of a process. */
export const connectionsPerAddressMax = 2_048;
/** Connections altogether, each a file handle. */
export const connectionsMax = 16_384;
/** How old a count of connections by address may be before a new connection asks for a fresh one. */
export const censusAgeMsMax = 1_000;

/** More keys than this are accounts, and belong into a database in front. */
export const apiKeysMax = 1_000;
/** Of their file: each takes about 300. */
export const apiKeyFileBytesMax = 1 * MiB;
/** What a rate limit may be: up to a day, and more than anybody can ask in it. */
export const rateLimitRequestsMax = 1_000_000_000;
export const rateLimitWindowSMax = 86_400;
/** How long a revoked key may still work. */
export const keyFileAgeMsMax = 1_000;

/** Bodies being received or worked on, over all requests: eight full batches. Beyond it new bodies get `overloaded`. */
export const bodyBytesInFlightMax = 256 * MiB;
/** What a MessagePack batch may have as JSON: a byte of it can become six, and a batch of that would be bigger than any other. */
export const msgpackJsonBytesMax = 64 * MiB;
/** For calls that take no body at all. Some clients send `{}` anyway. */
export const emptyBodyBytesMax = 1 * KiB;

/** A URL longer than this is refused by much of the web; a handler name or subject is far shorter. */
export const destinationCharsMax = 2_048;
/** The contract: headers that a producer adds to a webhook. */
export const deliveryHeadersMax = 32;
/** The contract: bytes of their names and values together. */
export const deliveryHeaderBytesMax = 8 * KiB;
/** The contract. */
export const tagNameCharsMax = 128;
export const tagValueCharsMax = 256;
/** Back-off: first wait at most a day, longest wait at most a week. */
export const retryInitialMsMax = 86_400_000;
export const retryMaxMsMax = 7 * 86_400_000;
export const retryMultiplierMax = 100;
/** Errors listed for one event. Whoever sends more than this at once reads the first ones anyway. */
export const fieldErrorsMax = 20;

/** Of one list: the contract. */
export const pageRowsMax = 1_000;
export const pageRowsUsual = 50;

/** Attempts per second that can be set for an origin: one in a thousand seconds, up to more than a courier brings out. */
export const originRateMin = 0.001;
export const originRateMax = 100_000;
/** Room for four of the longest secrets that the standard allows, and commas. */
export const originSecretCharsMax = 512;
/** `PATCH /destinations/{origin}`. */
export const destinationBodyBytesMax = 4 * KiB;
/** `POST /events/cancel` and `/retry`: a filter with every field full of values. */
export const bulkBodyBytesMax = 256 * KiB;
/** Values of one field in the filter of a list. */
export const filterValuesMax = 100;

/** The rest of a body that is refused is thrown away before the answer leaves, until nothing has come for so long, */
export const refusedBodySilenceMs = 250;
/** or for so long in all. */
export const refusedBodyMsMax = 3_000;

/** A client's message on the status stream. */
export const streamMessageBytesMax = 16 * KiB;
/** A longer one closes the socket with 1009, which says why; of one that is longer than this the library takes nothing, and breaks off. */
export const streamMessageReceivedBytesMax = 64 * KiB;
/** Subscriptions of one socket. */
export const streamSubscriptionsMax = 32;
/** Values of one field in a filter. */
export const streamFilterValuesMax = 100;
/** Left unread by a stream client, answers to what it asked included; a last net, as changes stop far below it. */
export const streamAnswersBytesMax = 4 * MiB;
/** A stream client that takes nothing for this long is closed. */
export const streamPatienceMs = 60_000;
/** A subscription hears at least this often how far it has come. */
export const streamCursorEveryMs = 5_000;
/** Statistics are computed for all sockets together at most this often. */
export const streamStatisticsAgeMsMax = 100;
/** Without a message or an answered ping for this long the socket is closed; longer than our patience, which tells the reason. */
export const streamIdleSecondsMax = 120;

/**
 * Which file may import which. Run over the TypeScript sources by `npm test`; type imports count like any other, since a
 * type that crosses a border is a dependency of thought.
 *
 *   kernel <- event <- log <- partition <- actor <- router <- cluster <- engine.ts <- gateway;   kernel <- nats <- dispatch
 *
 * Two kinds of rule: *directions* between our own folders, and *doors*, the only place from which a package is imported,
 * so that replacing a package is the work of one folder.
 */

/** What each folder of the engine may import besides itself. */
const sees = {
  kernel: [],
  event: ['kernel'],
  wheel: ['kernel'],
  nats: ['kernel'],
  dispatch: ['kernel', 'event', 'nats'],
  status: ['kernel', 'event'],
  observe: ['kernel', 'event'],
  log: ['kernel', 'event'],
  partition: ['kernel', 'event', 'log', 'wheel'],
  actor: ['kernel', 'event', 'log', 'wheel', 'partition', 'observe', 'dispatch/protocol.ts', 'dispatch/courier-mail.ts'],
  upkeep: ['kernel', 'event', 'log'],
  router: ['kernel', 'event', 'log', 'partition', 'actor', 'observe', 'dispatch/protocol.ts'],
  cluster: [
    'kernel',
    'event',
    'nats',
    'log',
    'actor',
    'router',
    'observe',
    'status',
    'dispatch/protocol.ts',
    'dispatch/destination.ts',
    'dispatch/origin-couriers.ts',
  ],
};

/**
 * Parts of a large folder, in order: each imports those before it and the folder's own files, which put the parts
 * together or are known to all of them.
 */
const parts = {
  'engine/log': ['segment', 'index', 'reading', 'snapshot'],
  'engine/actor': ['ledger', 'firing', 'desks', 'life'],
  'engine/cluster': ['journal', 'membership', 'peers', 'ownership', 'origins'],
  'gateway/input': ['fields', 'bytes'],
};

/** Package: the sources that may import it. Tests and benches may import any. */
const doors = {
  'uWebSockets.js': '^gateway/server[.]ts$',
  '@sinclair/typebox': '^gateway/typebox[.]ts$',
  'better-sqlite3': '^engine/log/sqlite[.]ts$',
  msgpackr: '^engine/(kernel|event)/[a-z-]+-codec[.]ts$',
  piscina: '^engine/kernel/thread-pool[.]ts$',
  'hdr-histogram-js': '^engine/observe/latency[.]ts$',
  'prom-client': '^engine/observe/metrics[.]ts$',
  pino: '^engine/observe/logger[.]ts$',
  undici: '^engine/dispatch/',
  '@nats-io/transport-node': '^engine/(nats|cluster)/',
  '@nats-io/jetstream': '^engine/(nats|cluster)/',
  standardwebhooks: '^engine/dispatch/signer[.]ts$',
  cockatiel: '^engine/dispatch/breaker[.]ts$',
  'ipaddr.js': '^engine/dispatch/egress[.]ts$',
};

const escaped = (text) => text.replace(/[.+*?^$()[\]{}|\\]/g, '[$&]');

const directions = Object.entries(sees).map(([folder, others]) => ({
  name: `${folder}-sees`,
  comment: `engine/${folder} sees ${others.length === 0 ? 'nothing else' : others.join(', ')}`,
  severity: 'error',
  from: { path: `^engine/${folder}/` },
  to: {
    path: '^(engine|gateway)/',
    pathNot: [folder, ...others].map((other) => `^engine/${other.endsWith('.ts') ? `${escaped(other)}$` : `${other}/`}`),
  },
}));

const partsInOrder = Object.entries(parts).flatMap(([folder, names]) =>
  names.slice(0, -1).map((name, at) => ({
    name: `${folder.replace('/', '-')}-${name}-is-below`,
    comment: `${folder}/${name} is what ${names.slice(at + 1).join(', ')} rest on`,
    severity: 'error',
    from: { path: `^${folder}/${name}/` },
    to: { path: `^${folder}/(${names.slice(at + 1).join('|')})/` },
  })),
);

const oneDoor = Object.entries(doors).map(([name, door]) => ({
  name: `door-of-${name}`,
  comment: `${name} is imported from ${door} only`,
  severity: 'error',
  from: { path: '^(engine|gateway)/', pathNot: door },
  to: { path: `node_modules/${escaped(name)}/` },
}));

module.exports = {
  forbidden: [
    ...directions,
    ...partsInOrder,
    ...oneDoor,
    {
      name: 'gateway-sees-the-door-only',
      comment: 'the gateway sees engine/index.ts only, and what is loaded with NATS or for a command',
      severity: 'error',
      from: { path: '^gateway/' },
      to: { path: '^engine/', pathNot: '^engine/(index|nats-tools|upkeep-tools)[.]ts$' },
    },
    {
      name: 'engine-never-sees-the-gateway',
      severity: 'error',
      from: { path: '^engine/' },
      to: { path: '^gateway/' },
    },
    {
      name: 'nothing-imports-tests-or-benches',
      severity: 'error',
      from: { path: '^(engine|gateway)/' },
      to: { path: '^(bench|test)/' },
    },
    {
      name: 'declared-packages-only',
      comment: 'a package that is only there because another one needs it may vanish; a dev package is missing in production',
      severity: 'error',
      from: { path: '^(engine|gateway)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycles',
      comment: 'files that import each other are one file, or miss a third',
      severity: 'error',
      from: { path: '^(engine|gateway|test|bench)/' },
      to: { circular: true },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^build/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      // Those that our imports and the packages that we name leave out: each further one is looked for at every import.
      extensions: ['.ts', '.js', '.d.ts'],
      // What a file is does not change while it runs, however long that takes beside other work.
      cachedInputFileSystem: { cacheDuration: 600_000 },
    },
    skipAnalysisNotInRules: true,
  },
};

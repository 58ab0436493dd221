/** The manifests in `docs/deploy/kubernetes` agree with each other, with compose, the image, and what the program takes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { configFrom, roles, settings } from '../../engine/config.js';
import { stopMsMax } from '../../engine/kernel/limits.js';
import { readSettings, refuseUnknownVariables } from '../../engine/settings.js';
import { routes as calls } from '../../gateway/routes.js';
import { readCompose, readYaml } from './compose-file.js';

type Labels = Readonly<Record<string, string>>;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly resources: { readonly limits: Readonly<Record<string, string>> };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly serviceName?: string;
    readonly selector: { readonly matchLabels: Labels };
    readonly template: {
      readonly metadata: { readonly labels: Labels; readonly annotations?: Labels };
      readonly spec: {
        readonly enableServiceLinks: boolean;
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: Readonly<Record<string, unknown>>;
        readonly containers: readonly Container[];
        readonly volumes?: readonly { readonly name: string }[];
      };
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

interface Other {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector: Labels & { readonly matchLabels?: Labels };
    readonly podSelector: { readonly matchLabels: Labels };
    readonly ports?: readonly { readonly port: number; readonly targetPort?: string }[];
    readonly ingress?: readonly { readonly ports: readonly { readonly port: number }[] }[];
  };
}

const kustomization = readYaml<{
  resources: readonly string[];
  configMapGenerator: readonly { files: readonly string[] }[];
}>('docs/deploy/kustomization.yaml');

const objects = kustomization.resources.flatMap((file) =>
  parseAllDocuments(readFileSync(join('docs/deploy', file), 'utf8')).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    return document.toJS() as unknown;
  }),
);
const workloads = objects.filter((object): object is Workload => /^(StatefulSet|Deployment)$/.test((object as Workload).kind));
const others = objects.filter((object): object is Other => !workloads.includes(object as Workload));
const escapements = workloads.filter(({ spec }) => spec.template.spec.containers[0]!.image === 'escapement');
const natsFiles = ['nats.conf', 'permissions.conf'].map((name) => readFileSync(`docs/deploy/nats/${name}`, 'utf8')).join('\n');

const isOf = (selector: Labels, { spec }: Workload): boolean =>
  Object.entries(selector).every(([name, value]) => spec.template.metadata.labels[name] === value);

t.test('selectors of workloads, services, budgets and policies find their pods, and the ports that these have', async (t) => {
  for (const workload of workloads) t.ok(isOf(workload.spec.selector.matchLabels, workload), workload.metadata.name);
  for (const { kind, metadata, spec } of others) {
    const selector = kind === 'NetworkPolicy' ? spec.podSelector.matchLabels : (spec.selector.matchLabels ?? spec.selector);
    const found = workloads.filter((workload) => isOf(selector as Labels, workload));
    t.equal(found.length, 1, `${kind} ${metadata.name}`);
    const open = found[0]!.spec.template.spec.containers[0]!.ports;
    for (const { port, targetPort } of spec.ports ?? []) {
      t.ok(
        open.some((each) => each.name === targetPort || each.containerPort === port),
        `${metadata.name}: ${port}`,
      );
    }
    for (const { port } of spec.ingress?.flatMap(({ ports }) => ports) ?? []) {
      t.ok(
        open.some(({ containerPort }) => containerPort === port),
        `policy ${metadata.name}: ${port}`,
      );
    }
  }
  for (const { spec } of workloads.filter(({ kind }) => kind === 'StatefulSet')) {
    t.ok(
      others.some(({ kind, metadata }) => kind === 'Service' && metadata.name === spec.serviceName),
      `${spec.serviceName}`,
    );
  }
});

t.test('no container is root, writes outside of its volumes, or gains rights; memory has a limit', async (t) => {
  for (const { metadata, spec } of workloads) {
    const pod = spec.template.spec;
    t.match(pod.securityContext, { runAsNonRoot: true, runAsUser: 1000 }, metadata.name);
    t.equal(pod.enableServiceLinks, false, 'variables of services are taken for settings');
    for (const { resources, securityContext, volumeMounts } of pod.containers) {
      t.match(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      t.ok(resources.limits['memory'] !== undefined && resources.limits['cpu'] === undefined, metadata.name);
      const volumes = [...(pod.volumes ?? []), ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)];
      for (const { name } of volumeMounts)
        t.ok(
          volumes.some((volume) => volume.name === name),
          `${metadata.name}: ${name}`,
        );
    }
  }
});

t.test('the settings of each Escapement are ones that it starts with, and its data is in a volume', async (t) => {
  t.ok(escapements.length > 0);
  const image = Object.fromEntries(
    [...readFileSync('Dockerfile', 'utf8').matchAll(/^(?:ENV| +)\s*([A-Z_]+)=(\S+)/gm)].map(([, name, value]) => [name!, value!]),
  );
  for (const { metadata, spec } of escapements) {
    const [{ args = [], env = [], ports, volumeMounts, livenessProbe, readinessProbe }] = spec.template.spec.containers as [
      Container,
    ];
    const given = env.map(({ name, value = 'fromASecret' }) => [name, value.replace(/\$\(\w+\)/g, 'fromASecret')]);
    const variables: Readonly<Record<string, string>> = { ...image, ...Object.fromEntries(given) };
    t.doesNotThrow(() => refuseUnknownVariables(settings, variables), metadata.name);
    const role = roles.find((each) => each === args[0])!;
    const config = configFrom(readSettings(settings, { flags: new Map(), env: variables }), { role, cwd: '/app', cores: 4 });
    t.ok(config.cluster !== null, metadata.name);
    t.equal(config.insecure, false, 'whoever reaches it is asked for a key');
    t.ok(ports.some(({ containerPort }) => containerPort === config.port));
    t.equal(spec.template.metadata.annotations?.['prometheus.io/port'], `${config.port}`);
    t.equal(
      volumeMounts.some(({ mountPath }) => mountPath === config.dataDir),
      role !== 'gateway',
      'a gateway keeps nothing',
    );
    for (const { httpGet } of [livenessProbe, readinessProbe]) {
      t.ok(
        calls.some(({ path }) => path === httpGet.path),
        httpGet.path,
      );
      t.equal(httpGet.port, 'http');
    }
  }
});

t.test('a stop has the time that it may take, and the wait before it', async (t) => {
  for (const { metadata, spec } of escapements) {
    const { terminationGracePeriodSeconds, containers } = spec.template.spec;
    // Requests come to gateways only, which wait until nobody sends any.
    const [program, seconds] = containers[0]!.lifecycle?.preStop.exec.command ?? ['sleep', '0'];
    t.equal(program, 'sleep');
    t.equal(Number(seconds) > 0, metadata.name === 'gateway');
    t.ok(terminationGracePeriodSeconds * 1_000 > Number(seconds) * 1_000 + stopMsMax.inCluster, metadata.name);
  }
});

t.test('NATS is the one of compose: its files, its image, its variables, its servers', async (t) => {
  const nats = workloads.find(({ metadata }) => metadata.name === 'nats')!;
  const [{ image, env = [] }] = nats.spec.template.spec.containers as [Container];
  t.equal(image, readCompose().services['nats-1']!.image);
  t.same(kustomization.configMapGenerator[0]!.files, ['nats/nats.conf', 'nats/permissions.conf']);
  const routes = JSON.parse(env.find(({ name }) => name === 'NATS_ROUTES')!.value!) as string[];
  const servers = [0, 1, 2].map((number) => `nats-${number}.nats`);
  t.same(
    routes,
    servers.map((server) => `nats://route:$(NATS_ROUTE_PASSWORD)@${server}:6222`),
  );

  const named = new Set([...natsFiles.replace(/#.*/g, '').matchAll(/\$(NATS_\w+)/g)].map(([, name]) => name!));
  const made = [...readFileSync('docs/operations.md', 'utf8').matchAll(/--from-literal=(NATS_\w+)=/g)].map(([, name]) => name!);
  t.same(
    [...made, ...env.map(({ name }) => name)].sort(),
    [...named].sort(),
    'the secret that operators are told to make has the rest',
  );
});

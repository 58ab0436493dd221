/** `docker-compose.yml`, the image and the files that are mounted agree with each other and with what the program takes. */
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { configFrom, roles, settings } from '../../engine/config.js';
import { stopMsMax } from '../../engine/kernel/limits.js';
import { readSettings, refuseUnknownVariables } from '../../engine/settings.js';
import { escapementsOf, readCompose, readYaml } from './compose-file.js';

const compose = readCompose();
const services = Object.entries(compose.services);
const dockerfile = readFileSync('Dockerfile', 'utf8');
const imageEnvironment = Object.fromEntries(
  [...dockerfile.matchAll(/^(?:ENV| +)\s*([A-Z_]+)=(\S+)/gm)].map(([, name, value]) => [name!, value!]),
);
const natsFiles = ['nats.conf', 'permissions.conf'].map((name) => readFileSync(`docs/deploy/nats/${name}`, 'utf8')).join('\n');

t.test('every service is checked, restarted, bounded in memory, and has no more rights than it needs', async (t) => {
  for (const [name, { healthcheck, image, restart, read_only, cap_drop, deploy }] of services) {
    t.ok(healthcheck !== undefined || image === 'escapement', `${name}: health check, its own or that of the image`);
    t.equal(restart, 'unless-stopped', name);
    t.equal(read_only, true, name);
    t.same(cap_drop, ['ALL'], name);
    t.match(deploy?.resources.limits.memory, /^\d+[mg]$/, name);
    t.match(image, /^escapement$|:v?\d/, `${name}: an image with a version`);
  }
});

t.test('what is published is published on this machine only', async (t) => {
  for (const [name, { ports = [] }] of services) for (const port of ports) t.match(port, /^127\.0\.0\.1:(\d+):\1$/, name);
});

t.test('every file that is mounted is there, read-only, and every volume is declared and used', async (t) => {
  const used = new Set<string>();
  for (const [name, { volumes = [] }] of services) {
    for (const volume of volumes) {
      const [from, , mode] = volume.split(':');
      if (!from!.startsWith('.')) used.add(from!);
      else t.ok(existsSync(from!) && mode === 'ro', `${name}: ${volume}`);
    }
  }
  t.same([...used].sort(), Object.keys(compose.volumes).sort());
});

t.test('the settings of each Escapement are ones that it starts with', async (t) => {
  t.ok(escapementsOf(compose).length > 0);
  for (const [name, { environment = {}, command = [] }] of escapementsOf(compose)) {
    const env = { ...imageEnvironment, ...environment };
    t.doesNotThrow(() => refuseUnknownVariables(settings, env), name);
    const role = roles.find((each) => each === command[0])!;
    const config = configFrom(readSettings(settings, { flags: new Map(), env }), { role, cwd: '/app', cores: 4 });
    t.ok(config.cluster !== null, name);
    t.equal(config.host, '0.0.0.0');
    t.same(config.nats?.servers, ['nats-1:4222', 'nats-2:4222', 'nats-3:4222']);
    const { volumes = [], tmpfs = [] } = compose.services[name]!;
    const kept = volumes.includes(`${name}:${config.dataDir}`);
    t.ok(role === 'gateway' ? tmpfs.some((each) => each.startsWith(`${config.dataDir}:`)) : kept, `${name}: where its data is`);
  }
});

t.test('a stop has the time that it may take', async (t) => {
  for (const [name, { stop_grace_period = '' }] of escapementsOf(compose)) {
    t.ok(Number.parseInt(stop_grace_period, 10) * 1_000 > stopMsMax.inCluster, name);
  }
});

t.test('the image: Node 22, not root, a health check that is in the build, and the port that others ask for', async (t) => {
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!);
  t.ok(bases.length === 2 && bases.every((image) => image.startsWith('node:22-')), bases.join());
  t.match(dockerfile, /^USER node$/m);
  const programs = [...dockerfile.matchAll(/"(build\/[\w/-]+\.js)"/g)].map(([, file]) => file!);
  t.equal(programs.length, 2);
  for (const file of programs) t.ok(existsSync(file), file);
  const port = imageEnvironment['ESCAPEMENT_PORT']!;
  t.match(dockerfile, new RegExp(`^EXPOSE ${port}$`, 'm'));
  t.match(dockerfile, new RegExp(`^VOLUME ${imageEnvironment['ESCAPEMENT_DATA_DIR']}$`, 'm'));
});

t.test('the load balancer asks gateways at the port of the image, and is published in their place', async (t) => {
  const config = readFileSync('docs/deploy/loadbalancer/haproxy.cfg', 'utf8');
  const [, service, port] = /^ {2}server-template gateway- \d+ (\w+):(\d+) /m.exec(config)!;
  t.match(compose.services[service!], { image: 'escapement', command: ['gateway'] });
  t.equal(port, imageEnvironment['ESCAPEMENT_PORT']);
  t.match(config, new RegExp(`^ {2}bind :${port}$`, 'm'));
  const { ports, healthcheck } = compose.services['loadbalancer']!;
  t.same(ports, [`127.0.0.1:${port}:${port}`]);
  const [, figures] = /^ {2}bind :(\d+)\n {2}option dontlog-normal\n {2}monitor-uri \/health$/m.exec(config)!;
  t.equal(healthcheck!.test.at(-1), `http://127.0.0.1:${figures}/health`);
  t.match(readFileSync('docs/deploy/prometheus/prometheus.yml', 'utf8'), `loadbalancer:${figures}`);
  t.match(config, /^ {2}retry-on conn-failure empty-response$/m);
  t.match(config, /^ {2}http-request disable-l7-retry unless METH_GET or /m, 'what may have been carried out is not repeated');
});

t.test('each NATS server has the variables that the configuration names, and knows the others', async (t) => {
  const named = new Set([...natsFiles.replace(/#.*/g, '').matchAll(/\$(NATS_\w+)/g)].map(([, name]) => name!));
  const servers = services.filter(([, { image }]) => image?.startsWith('nats:'));
  t.equal(servers.length, 3);
  for (const [name, { environment = {}, volumes = [] }] of servers) {
    t.same(Object.keys(environment).sort(), [...named].sort(), name);
    t.equal(environment['NATS_NAME'], name);
    const routes = JSON.parse(environment['NATS_ROUTES']!) as string[];
    t.same(
      routes,
      servers.map(([other]) => `nats://route:${environment['NATS_ROUTE_PASSWORD']}@${other}:6222`),
    );
    t.ok(volumes.includes(`${name}:/data`), 'its store is in a volume of its own');
  }
  for (const line of ['listen: "0.0.0.0:4222"', 'listen: "0.0.0.0:6222"', 'http: "0.0.0.0:8222"', 'store_dir: "/data"']) {
    t.ok(natsFiles.includes(line), line);
  }
});

t.test('who logs in to NATS is a user of it, with the same password', async (t) => {
  const [[, { environment: nats }]] = services.filter(([, { image }]) => image?.startsWith('nats:')) as [(typeof services)[0]];
  for (const [name, { environment = {} }] of escapementsOf(compose)) {
    const [, user, password] = /^nats:\/\/(\w+):(\w+)@/.exec(environment['ESCAPEMENT_NATS_URL']!)!;
    t.match(natsFiles, `{ user: ${user}, password: $NATS_${user!.toUpperCase()}_PASSWORD`, name);
    t.equal(password, nats![`NATS_${user!.toUpperCase()}_PASSWORD`]);
  }
});

t.test('Prometheus asks services that are there, at the ports where they answer, and Grafana asks Prometheus', async (t) => {
  interface Job {
    readonly job_name: string;
    readonly dns_sd_configs?: readonly { readonly names: readonly string[]; readonly port: number }[];
  }
  const { scrape_configs } = readYaml<{ scrape_configs: readonly Job[] }>('docs/deploy/prometheus/prometheus.yml');
  const asked = scrape_configs.flatMap(({ dns_sd_configs = [] }) => dns_sd_configs);
  t.same(
    asked.flatMap(({ names }) => names).sort(),
    escapementsOf(compose)
      .map(([name]) => name)
      .sort(),
  );
  for (const { port } of asked) t.equal(`${port}`, imageEnvironment['ESCAPEMENT_PORT']);
  const { datasources } = readYaml<{ datasources: readonly { url: string }[] }>(
    'docs/deploy/grafana/provisioning/datasources/prometheus.yml',
  );
  t.same(
    datasources.map(({ url }) => url),
    ['http://prometheus:9090'],
  );
  t.ok(compose.services['prometheus']!.ports!.includes('127.0.0.1:9090:9090'));
});

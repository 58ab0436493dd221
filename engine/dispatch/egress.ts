/**
 * Where webhooks may go (faults F32). A producer names a destination and we connect to it from inside the operator's
 * network, so an unchecked destination is a way in: to the cloud's metadata service, to a database on localhost.
 *
 * What is judged is the address that will be connected to, never the name: names resolve differently the next time. And
 * an address is judged by where packets to it arrive: IPv6 has half a dozen ways to write an IPv4 address (mapped, NAT64,
 * 6to4 ...), and each is unwrapped first. Decimal, octal and hexadecimal forms never get here: WHATWG's URL parser has
 * turned them into dotted ones.
 *
 * Modes: `network` refuses link-local, metadata, multicast, unspecified and broadcast addresses, that is what no webhook
 * means; `public` refuses whatever is not on the public internet; `any` refuses nothing. An allowed host or range is
 * allowed in every mode.
 */
import type { IPv6 } from 'ipaddr.js';
import { require } from '../kernel/commonjs.js';
import { StartError } from '../kernel/errors.js';

export const egressModes = ['network', 'public', 'any'] as const;
export type EgressMode = (typeof egressModes)[number];

const ipaddr = require('ipaddr.js') as typeof import('ipaddr.js');

type Address = ReturnType<typeof ipaddr.parse>;
type Range = ReturnType<typeof ipaddr.parseCIDR>;

export interface EgressAllow {
  /** Lower case, without a final dot. */
  readonly hosts: readonly string[];
  readonly ranges: readonly Range[];
}

export interface EgressPolicy {
  /** For intake: why a URL with this `hostname` can never be delivered; null also for every name that is not an address. */
  checkLiteral(hostname: string): string | null;
  /** Why this address may not be connected to. */
  checkAddress(ip: string): string | null;
  /** Whether the name itself was allowed, so that its addresses need no check. */
  allowsHost(hostname: string): boolean;
}

/** Addresses at which clouds hand out credentials to whoever asks; some lie in ranges that are otherwise harmless. */
const metadata = new Set([
  '169.254.169.254', // nearly everybody
  '169.254.170.2', // AWS, containers
  '100.100.100.200', // Alibaba
  '168.63.129.16', // Azure, the host's own services
  '192.0.0.192', // Oracle
  'fd00:ec2::254', // AWS
  'fd00:ec2::23', // AWS, containers
  'fd20:ce::254', // Google
]);

/** Ranges that no mode but `any` reaches, by ipaddr.js's name, with ours. */
const neverMeant: Readonly<Record<string, string>> = {
  linkLocal: 'link-local',
  multicast: 'multicast',
  unspecified: 'unspecified',
  broadcast: 'broadcast',
};

export function createEgressPolicy({ mode, allow }: { readonly mode: EgressMode; readonly allow: EgressAllow }): EgressPolicy {
  const allowsHost = (hostname: string) => allow.hosts.includes(hostname.toLowerCase().replace(/\.$/, ''));
  const checkAddress = (ip: string): string | null => {
    if (mode === 'any') return null;
    if (!ipaddr.isValid(ip)) return `${ip} is not an address`;
    const written = ipaddr.parse(ip);
    const reached = unwrap(written);
    if (inRanges(written, allow.ranges) || inRanges(reached, allow.ranges)) return null;
    const fault = addressFault(reached, mode) ?? (mode === 'public' && !isPublicForm(written) ? 'not a public address' : null);
    return fault === null ? null : `${ip} is ${fault}`;
  };
  return {
    checkAddress,
    allowsHost,
    checkLiteral(hostname) {
      const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
      return ipaddr.isValid(bare) && !allowsHost(bare) ? checkAddress(bare) : null;
    },
  };
}

/** `ESCAPEMENT_EGRESS_ALLOW`: hosts, addresses and CIDR ranges, separated by commas. Throws StartError. */
export function parseEgressAllow(text: string): EgressAllow {
  const hosts: string[] = [];
  const ranges: Range[] = [];
  for (const entry of text.split(',').map((part) => part.trim())) {
    if (entry === '') continue;
    const bare = entry.replace(/^\[|\]$/g, '');
    if (entry.includes('/')) ranges.push(rangeOf(entry));
    else if (isAddress(bare)) ranges.push(rangeOf(`${bare}/${bare.includes(':') ? 128 : 32}`));
    else hosts.push(hostOf(entry));
  }
  return { hosts, ranges };
}

function rangeOf(entry: string): Range {
  // Of `10.0/8` every library thinks something else.
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(entry) && !ipaddr.IPv6.isValidCIDR(entry)) {
    throw new StartError(`ESCAPEMENT_EGRESS_ALLOW: ${entry} is not a CIDR range such as 10.1.0.0/16 or fd00:1::/64`);
  }
  return ipaddr.parseCIDR(entry);
}

const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

function hostOf(entry: string): string {
  const host = entry.toLowerCase().replace(/\.$/, '');
  // `10.1` would be taken for a host here and for 10.0.0.1 by the URL parser.
  if (!hostName.test(host) || /^[0-9.]+$/.test(host)) {
    throw new StartError(`ESCAPEMENT_EGRESS_ALLOW: ${entry} is neither a host name nor an address nor a CIDR range`);
  }
  return host;
}

function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(':') && ipaddr.isValid(text));
}

function inRanges(address: Address, ranges: readonly Range[]): boolean {
  return ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}

function addressFault(address: Address, mode: EgressMode): string | null {
  if (metadata.has(address.toString())) return 'a cloud metadata address';
  const range = address.range() as string;
  const fault = neverMeant[range];
  if (fault !== undefined) return fault;
  return mode === 'public' && range !== 'unicast' ? 'not a public address' : null;
}

/** Written as itself, or in the two forms that resolvers of IPv6-only networks hand out for public IPv4 addresses. */
function isPublicForm(address: Address): boolean {
  const range = address.range() as string;
  return range === 'unicast' || range === 'ipv4Mapped' || (range === 'rfc6052' && (address as IPv6).parts[2] === 0);
}

/** Where packets to `address` arrive: the IPv4 address that an IPv6 address stands for, else itself. */
function unwrap(address: Address): Address {
  if (address.kind() === 'ipv4') return address;
  const { parts } = address as IPv6;
  switch (address.range() as string) {
    case 'ipv4Mapped': // ::ffff:a.b.c.d
    case 'rfc6145': // ::ffff:0:a.b.c.d, stateless translation
    case 'rfc6052': // 64:ff9b::a.b.c.d, NAT64
      return ipv4(parts[6]!, parts[7]!);
    case '6to4': // 2002:aabb:ccdd::
      return ipv4(parts[1]!, parts[2]!);
    case 'teredo': // the client's address, every bit turned over
      return ipv4(parts[6]! ^ 0xffff, parts[7]! ^ 0xffff);
    default:
      // ::a.b.c.d, deprecated but still routed by some; ::1 and :: are what they are.
      if (parts.slice(0, 6).every((part) => part === 0) && parts[6] !== 0) return ipv4(parts[6]!, parts[7]!);
      // ::5efe:a.b.c.d in any network, ISATAP.
      if ((parts[4]! & 0xfdff) === 0 && parts[5] === 0x5efe) return ipv4(parts[6]!, parts[7]!);
      return address;
  }
}

function ipv4(high: number, low: number): Address {
  return new ipaddr.IPv4([high >>> 8, high & 0xff, low >>> 8, low & 0xff]);
}

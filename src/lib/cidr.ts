import ipaddr from 'ipaddr.js'
import * as z from 'zod'

/** A block of addresses, as plain data. Two blocks are either apart, or one lies in the other. */
export interface Block {
  readonly family: 4 | 6
  /** The first address, in its shortest spelling. */
  readonly base: string
  readonly length: number
  /** `base/length`: one text for one block. */
  readonly text: string
}

export type Relation = 'equals' | 'contains' | 'lies in' | 'is apart from'

/**
 * Reads `10.0.0.0/8`, `fd00::/8`, or an address, which is a block of one. Host bits are cut off: the
 * block of `172.17.0.1/16` is `172.17.0.0/16`.
 *
 * @throws RangeError for anything else, such as `10.1/16`, octal or hexadecimal parts, or a zone.
 */
export function block(text: string): Block {
  const found = blockOrNull(text)
  if (found === null) throw new RangeError(`${JSON.stringify(text)} is no address block`)
  return found
}

/** As `block`, with null for what is none. */
export function blockOrNull(text: string): Block | null {
  const [, address = '', bits] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const bytes = bytesOf(address)
  if (bytes === null) return null
  const width = bytes.length * 8
  const length = bits === undefined ? width : Number(bits)
  if (length > width) return null
  const first = bytes.map((byte, index) => byte & maskByte(length, index))
  const base = ipaddr.fromByteArray([...first]).toString()
  return { family: width === 32 ? 4 : 6, base, length, text: `${base}/${length}` }
}

/** The schema of a subnet in a plan. Host bits are refused, because whoever wrote them meant something else. */
export const subnetText = z.string().superRefine((text, context) => {
  const found = blockOrNull(text)
  if (found === null || !text.includes('/')) {
    context.addIssue({ code: 'custom', message: 'expected a subnet such as 10.10.0.0/16 or fd00:10::/64' })
  } else if (block(text.split('/', 1)[0] ?? '').base !== found.base) {
    context.addIssue({ code: 'custom', message: `has host bits: did you mean ${found.text}?` })
  }
})

/** How `a` stands to `b`: `a` equals, contains, lies in, or is apart from `b`. */
export function relation(a: Block, b: Block): Relation {
  if (a.family !== b.family) return 'is apart from'
  const [one, other] = [bytesOfBlock(a), bytesOfBlock(b)]
  const shared = Math.min(a.length, b.length)
  const alike = one.every((byte, index) => ((byte ^ (other[index] ?? 0)) & maskByte(shared, index)) === 0)
  if (!alike) return 'is apart from'
  if (a.length === b.length) return 'equals'
  return a.length < b.length ? 'contains' : 'lies in'
}

export function equals(a: Block, b: Block): boolean {
  return relation(a, b) === 'equals'
}

/** Whether every address of `b` is one of `a`; true for equal blocks. */
export function contains(a: Block, b: Block): boolean {
  const found = relation(a, b)
  return found === 'equals' || found === 'contains'
}

/** Whether the two share an address. */
export function overlaps(a: Block, b: Block): boolean {
  return relation(a, b) !== 'is apart from'
}

/** How many addresses the block has. */
export function size(of: Block): bigint {
  return 1n << BigInt((of.family === 4 ? 32 : 128) - of.length)
}

/** The last address of the block: of an IPv4 subnet, the one for broadcasts. */
export function lastAddress({ base, length }: Block): string {
  const bytes = bytesOf(base) ?? []
  return ipaddr.fromByteArray(bytes.map((byte, index) => byte | (0xff & ~maskByte(length, index)))).toString()
}

/** The address alone, spelled one way: `10.0.0.2` of `10.0.0.2/24`. Null for what is no address. */
export function addressOf(text: string): string | null {
  const [address = ''] = text.split('/', 1)
  return blockOrNull(address)?.base ?? null
}

const known = new WeakMap<Block, readonly number[]>()

/** The bytes of its first address. Kept: two blocks are compared far more often than one is read. */
function bytesOfBlock(of: Block): readonly number[] {
  const before = known.get(of)
  if (before !== undefined) return before
  const bytes = bytesOf(of.base) ?? []
  known.set(of, bytes)
  return bytes
}

/** 4 or 16 bytes, or null. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) stays IPv6. */
function bytesOf(address: string): readonly number[] | null {
  // ipaddr.js also takes `10.1`, `0x0a.0.0.1` and `012.0.0.1`, as the C library does; a plan means none of these.
  if (!address.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(address)) return null
  if (!ipaddr.isValid(address)) return null
  return ipaddr.parse(address).toByteArray()
}

function maskByte(length: number, index: number): number {
  const bits = Math.min(8, Math.max(0, length - index * 8))
  return (0xff << (8 - bits)) & 0xff
}

import type { Person } from '../../lib/words.ts'

/**
 * The bytes of a commit object (`cat-file commit`), read here and nowhere else. What git prints of a commit is
 * re-encoded, cut and sometimes another line of it than the one that its signature was checked against.
 */

export interface ParsedCommit {
  readonly tree: string
  /** Whether the header holds a signature of any kind. */
  readonly signed: boolean
  readonly parents: readonly string[]
  readonly author: Person
  readonly committer: Person
  /** ISO 8601 UTC, held inside what it can say; 1970 where the line holds no date. */
  readonly authoredAt: string
  /** ISO 8601 UTC, likewise. */
  readonly committedAt: string
  /** All bytes behind the header, as UTF-8, whatever the header says of them. Hostile text. */
  readonly message: string
}

/** Shared by the commits of one reading: most are by a few people. */
export type People = Map<string, Person>

/**
 * Reads any commit that git takes. Of a line that is there more than once the first counts, for what is said and
 * for what a signature is checked against alike.
 *
 * @returns null for bytes that are no commit.
 */
export function parseCommit(bytes: Buffer, people: People = new Map()): ParsedCommit | null {
  const end = headerEnd(bytes)
  const lines = bytes.toString('latin1', 0, end).split('\n')
  const tree = /^tree ([0-9a-f]{40}(?:[0-9a-f]{24})?)$/.exec(lines[0] ?? '')?.[1]
  if (tree === undefined) return null
  const parents: string[] = []
  // As git reads them: a parent behind any other line is none.
  for (let at = 1; ; at++) {
    const parent = /^parent ([0-9a-f]{40}(?:[0-9a-f]{24})?)$/.exec(lines[at] ?? '')?.[1]
    if (parent === undefined) break
    parents.push(parent)
  }
  const author = identOf(lines, 'author ', people)
  const committer = identOf(lines, 'committer ', people)
  return {
    tree,
    signed: lines.some(line => line.startsWith('gpgsig')),
    parents,
    author: author.person,
    committer: committer.person,
    authoredAt: author.at,
    committedAt: committer.at,
    message: bytes.toString('utf8', Math.min(end + 2, bytes.length))
  }
}

/** Where the header ends: at the first empty line, or with the object. */
function headerEnd(bytes: Buffer): number {
  const end = bytes.indexOf('\n\n')
  return end < 0 ? bytes.length : end
}

function identOf(
  lines: readonly string[],
  name: string,
  people: People
): { readonly person: Person; readonly at: string } {
  const line = lines.find(one => one.startsWith(name))?.slice(name.length) ?? ''
  const open = line.indexOf('<')
  const shut = line.indexOf('>', open + 1)
  const key = line.slice(0, shut + 1)
  const person = people.get(key) ?? {
    name: utf8(line.slice(0, Math.max(open, 0)).trim()),
    email: utf8(open < 0 || shut < 0 ? '' : line.slice(open + 1, shut).trim())
  }
  people.set(key, person)
  const seconds = /^ *(-?\d+)(?: |$)/.exec(line.slice(line.lastIndexOf('>') + 1))?.[1]
  return { person, at: isoTime(seconds) }
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}

/** Seconds since 1970 as a commit holds them, which may be any number: held inside what ISO 8601 can say. */
function isoTime(seconds: string | undefined): string {
  const number = Number(seconds ?? 0)
  return new Date(Math.min(Math.max(number, 0), 253_402_300_799) * 1000).toISOString()
}

/** The header that holds the signature of a commit, by how its repository names objects. */
function signatureHeader(tree: string): string {
  return tree.length === 64 ? 'gpgsig-sha256' : 'gpgsig'
}

export interface SignedCommit {
  /** What was signed: all bytes of the commit but the header of the signature. */
  readonly payload: Buffer
  /** The header's value with its lines unfolded, a line break behind each. */
  readonly signature: string
}

/** The signature of a commit and what it covers; null for a commit without that header. */
export function signedCommit(bytes: Buffer): SignedCommit | null {
  const end = headerEnd(bytes)
  const header = bytes.toString('latin1', 0, end)
  const tree = /^tree ([0-9a-f]+)\n/.exec(header)?.[1]
  if (tree === undefined) return null
  const start = header.indexOf(`\n${signatureHeader(tree)} `) + 1
  if (start === 0) return null
  let to = start
  do {
    const next = header.indexOf('\n', to)
    to = next < 0 ? header.length + 1 : next + 1
  } while (header[to] === ' ')
  const value = header.slice(start + signatureHeader(tree).length + 1, to - 1)
  return {
    payload: Buffer.concat([bytes.subarray(0, start), bytes.subarray(Math.min(to, bytes.length))]),
    signature: `${value.replaceAll('\n ', '\n')}\n`
  }
}

/** Why a signed commit is not one that the product writes. */
export interface FormFault {
  readonly why: string
  /** Whether an unchanged git writes such commits by itself: an `encoding`, the tags of a merge. */
  readonly common: boolean
}

const objectName = '[0-9a-f]{40}(?:[0-9a-f]{24})?'
const zone = String.raw`[+-](?:0\d|1[0-4])[0-5]\d`
const ident = String.raw`(?:[^\s<>\0](?:[^<>\0\n]*[^\s<>\0])? )?<[^<>\0\n]*> (?:0|[1-9]\d{0,11}) ${zone}`
const head = String.raw`tree ${objectName}\n(?:parent ${objectName}\n)*author ${ident}\ncommitter ${ident}\n`
const armor = String.raw`-----BEGIN SSH SIGNATURE-----\n(?: [A-Za-z0-9+/=]{1,76}\n)+ -----END SSH SIGNATURE-----\n`
const added = String.raw`(?:encoding [\w.:-]+\n|mergetag object ${objectName}\n(?: [^\n]*\n)+)*`
const strict = new RegExp(`^${head}gpgsig(?:-sha256)? ${armor}$`)
const common = new RegExp(`^${head}${added}gpgsig(?:-sha256)? ${armor}$`)

/**
 * Holds a signed commit against the one form that the product writes: tree, parents, author, committer and
 * signature, once each, in this order, nothing between them and nothing behind. Any list of what is odd would
 * have to grow; a list of what is right does not.
 */
export function formFault(bytes: Buffer): FormFault | null {
  const end = headerEnd(bytes)
  // White space of Latin-1 is the second half of letters in UTF-8.
  const header = `${bytes.toString('latin1', 0, end).replace(/[\x80-\xff]/g, 'x')}\n`
  const tree = /^tree ([0-9a-f]+)\n/.exec(header)?.[1] ?? ''
  if (bytes.includes(0)) return { why: 'it holds a NUL byte', common: false }
  if (!bytes.includes('\n\n')) return { why: 'its header has no end', common: false }
  if (!strict.test(header)) return { why: oddLine(header), common: common.test(header) }
  if (!header.includes(`\n${signatureHeader(tree)} -`))
    return { why: 'its signature header is for another object format', common: false }
  const message = bytes.subarray(end + 2)
  if (!Buffer.from(message.toString('utf8')).equals(message))
    return { why: 'its message is not UTF-8', common: true }
  return null
}

/** Names what is not as the product writes it, for people: the check is the whole form, not this. */
function oddLine(header: string): string {
  const lines = header.split('\n').filter(line => line !== '' && !line.startsWith(' '))
  const names = lines.map(line => line.split(' ', 1)[0] ?? '')
  const known = ['tree', 'parent', 'author', 'committer', 'gpgsig', 'gpgsig-sha256']
  const strange = names.find(name => !known.includes(name))
  if (strange !== undefined) return `its header holds ${JSON.stringify(strange.slice(0, 40))}`
  const twice = names.find((name, at) => name !== 'parent' && names.indexOf(name) !== at)
  if (twice !== undefined) return `its header holds ${JSON.stringify(twice)} twice`
  if (names.filter(name => name.startsWith('gpgsig')).length > 1) return 'it carries two signatures'
  for (const name of ['author', 'committer']) {
    const line = lines.find(one => one.startsWith(`${name} `)) ?? ''
    if (!new RegExp(`^${name} ${ident}$`).test(line)) return `its ${name} line is not in the format of git`
  }
  if (!new RegExp(`\\ngpgsig(?:-sha256)? ${armor}`).test(header))
    return 'its signature is not in the format of ssh-keygen'
  return 'its header lines are not in the order of git'
}

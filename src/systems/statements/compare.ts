import { block, blockOrNull } from '../../lib/cidr.ts'
import type { DockerNetwork } from '../docker/networks.ts'
import type { SwarmService } from '../swarm/services.ts'
import type { SwarmTask } from '../swarm/tasks.ts'
import type { RouteSeen } from '../http/routes.ts'
import type { Statement } from './status-text.ts'
import { staffing, tasksOf } from '../swarm/service-health.ts'

/** What there is to compare a builder's words with. */
export interface Live {
  readonly networks: readonly DockerNetwork[]
  readonly services: readonly SwarmService[]
  readonly tasks: readonly SwarmTask[]
  readonly routes: readonly RouteSeen[]
}

export type Compared =
  | {
      readonly kind: 'confirmed' | 'contradicted'
      readonly subject: string
      readonly said: string
      readonly live: string
    }
  /** The live value could not be seen. */
  | { readonly kind: 'unseen'; readonly why: string }
  /** Not understood, or not about now. Nothing is said against it. */
  | { readonly kind: 'not-judged'; readonly why: string }

/** No sentence of people is longer, in characters. */
const longestText = 2_000

/** A statement against the host as it is: every value in it that is understood, at least one answer. */
export function compare(statement: Statement, live: Live): readonly [Compared, ...Compared[]] {
  const { kind, under, above, within = [], columns, cells } = statement
  if ([under, above, ...within, ...columns, ...cells].some(text => text.length > longestText))
    return [{ kind: 'not-judged', why: `a text of more than ${longestText} characters` }]
  // Above an expectation stands a command, whose words are no sentence.
  const context = [...within, under, ...(kind === 'row' ? [above, ...columns] : cells)]
  const when = context
    .map(text => otherTime.exec(text.replace(names, ' '))?.[0])
    .find(word => word !== undefined)
  if (when !== undefined) return [{ kind: 'not-judged', why: `it may refer to another time ("${when}")` }]
  const place = [...within, under, above].flatMap(text => otherPlace(text, live)).at(0)
  if (place !== undefined) return [{ kind: 'not-judged', why: `it may refer to another host ("${place}")` }]
  const [first, ...rest] =
    statement.kind === 'row' ? compareRow(statement, live) : compareExpected(statement, live)
  return first === undefined ? [{ kind: 'not-judged', why: 'not understood' }] : [first, ...rest]
}

/** URLs and names with dots, slashes or underscores: their words say nothing of when. */
const names = /https?:\/\/\S+|[\w-]+(?:[._/][\w-]+)+/g

const otherTime =
  /\b(?:before|previous(?:ly)?|prior|earlier|old|former(?:ly)?|was|were|initial(?:ly)?|original(?:ly)?|legacy|baseline|snapshot|yesterday|last (?:week|month|night|time)|planned|plan|proposed|proposal|draft|dry[- ]?run|target|desired|future|next|upcoming|history|historical|roll(?:ing|ed)?[- ]?back|revert(?:ed|ing)?|fall[- ]?back|backup|restor(?:e|ed|ing)|recovery|after the|until|if|pre-\w+)\b/i

/** A host that a heading names, or the line above a table. The host that is looked at has no name in these facts. */
function otherPlace(text: string, { networks, services }: Live): readonly string[] {
  const named =
    /\b(?:another|other|second|secondary|standby|staging|test|dev|peer) (?:host|node|server|machine|vm|swarm|cluster)\b|\b(?:host|node|server|machine|vm)\s*[:=]\s*\S+|\bon\s+`?[a-z][\w-]*[-.\d][\w.-]*/i.exec(
      text
    )
  if (named !== null) return [named[0]]
  return [text].filter(part => {
    const token = part.trim().replace(/^`(.*)`$/, '$1')
    return (
      /^[a-z][a-z0-9]*(?:[-.][a-z0-9]+)+$/i.test(token) &&
      !/^status|-[A-Z]{1,4}\d/i.test(token) &&
      ![...networks, ...services].some(({ name }) => name === token)
    )
  })
}

const headers = {
  name: /^(?:|name|item|what)$/,
  host: /^(?:host|node|server|machine|vm)s?(?: name)?$/,
  network: /^(?:docker |swarm |overlay )?networks?(?: name)?$/,
  service: /^(?:docker |swarm )?services?(?: name)?$/,
  route: /^(?:routes?|urls?|endpoints?)$/,
  subnet: /^(?:live |current |actual )?(?:subnets?|cidrs?|ranges?)$/,
  replicas: /^(?:live |current |actual )?(?:replicas?|tasks)$/,
  image: /^(?:live |current |actual )?(?:images?|versions?|tags?|image versions?)$/,
  status: /^(?:live |current |actual |http |expected )?(?:status(?: codes?)?|codes?|answers?)$/
} as const

function compareRow({ columns, cells }: Statement, live: Live): readonly Compared[] {
  const names = columns.map(column =>
    column
      .toLowerCase()
      .replaceAll(/\(.*?\)|[^a-z ]/g, '')
      .trim()
  )
  const raw = (header: keyof typeof headers) => {
    const index = names.findIndex(name => headers[header].test(name))
    const text = index < 0 ? undefined : cells[index]?.trim()
    return text === '' ? undefined : text
  }
  if (raw('host') !== undefined)
    return [{ kind: 'not-judged', why: `it may refer to another host ("${raw('host')}")` }]
  const doubtful = cells.find(text => doubt.test(text))
  if (doubtful !== undefined)
    return [{ kind: 'not-judged', why: `it marks something as wrong ("${doubtful}")` }]
  const cell = (header: keyof typeof headers) => {
    const text = raw(header)
    return text === undefined ? undefined : plainValue(text)
  }
  const name = cell('name')
  const network = cell('network') ?? (live.networks.some(one => one.name === name) ? name : undefined)
  const service = cell('service') ?? (live.services.some(one => one.name === name) ? name : undefined)
  const route = cell('route')
  const [subnet, replicas, image, status] = [cell('subnet'), cell('replicas'), cell('image'), raw('status')]
  return [
    ...(network === undefined || subnet === undefined ? [] : [networkSubnet(network, subnet, live)]),
    ...(service === undefined || replicas === undefined ? [] : [serviceReplicas(service, replicas, live)]),
    ...(service === undefined || image === undefined ? [] : [serviceImage(service, image, live)]),
    ...(route === undefined || status === undefined ? [] : [routeStatus(route, status, live)])
  ]
}

/** A cross, a warning, an arrow backwards: what such a cell means is not clear. */
const doubt = /[✗✘❌❎🔴⚠←↔]|<-|\u{1F534}/u

/** What a cell says now: the end of its arrow, without marks of approval, footnotes and what stands in brackets. */
function plainValue(text: string): string {
  if (/^\(?none\)?$/i.test(text)) return text
  const [, now] = /\b(?:is\s+)?now:?\s+(.+)$/i.exec(text) ?? []
  const [, to] = /^(?:from\s+)?\S+\s+to\s+(\S+)$/i.exec(text) ?? []
  return lastOfArrows(now ?? to ?? text)
    .replace(/\s*[([][^()[\]]*[)\]]/g, '')
    .replace(/,?\s*\b(?:was|previously|formerly|instead of)\b.*$/i, '')
    .replace(/(?:✓|✔|✅|☑|🟢|👍)\ufe0f?/gu, '')
    .replace(/[*†‡¹²³]+$/u, '')
    .replace(/\s*[,;]?\s*\b(?:ok|verified|live|confirmed)$/i, '')
    .trim()
}

function lastOfArrows(text: string): string {
  return text.split(/\s*(?:[→➜➔⟶⇒➡]\ufe0f?|-{1,2}>|=>)\s*/u).at(-1) ?? text
}

/** An expectation names its subject itself, or expects it of the command on the line above. */
function compareExpected({ cells, above }: Statement, live: Live): readonly Compared[] {
  const [own, other] = [words(cells.join(' ')), words(above)]
  const subject = (isOne: (word: string) => boolean) => {
    const inOwn = [...new Set(own.filter(isOne))]
    const found = inOwn.length > 0 ? inOwn : [...new Set(other.filter(isOne))]
    return found.length === 1 ? found[0] : undefined
  }
  const value = (shape: RegExp) => {
    const found = [...new Set(own.filter(word => shape.test(word)))]
    return found.length === 1 ? found[0] : undefined
  }
  // Docker's own three networks are named by words of every other sentence.
  const network = subject(
    word => !/^(?:host|none|bridge)$/.test(word) && live.networks.some(({ name }) => name === word)
  )
  const service = subject(word => live.services.some(({ name }) => name === word))
  const route = subject(word => /^https?:\/\//.test(word))
  const [subnet, replicas, status] = [value(/^[\da-f.:]+\/\d+$/i), value(/^\d+\/\d+$/), value(/^[1-5]\d\d$/)]
  if (network !== undefined && subnet !== undefined && blockOrNull(subnet) !== null) {
    return [networkSubnet(network, subnet, live)]
  }
  if (service !== undefined && replicas !== undefined) return [serviceReplicas(service, replicas, live)]
  return route === undefined || status === undefined ? [] : [routeStatus(route, status, live)]
}

function words(text: string): readonly string[] {
  return text.split(/[\s,;`"'()<>=→|]+/).map(word => word.replace(/[.:]$/, ''))
}

function networkSubnet(name: string, said: string, { networks }: Live): Compared {
  const [only, second] = networks.filter(network => network.name === name)
  const subject = `network ${name}`
  if (only === undefined) return absent(subject, said, networks, name)
  if (second !== undefined) return { kind: 'not-judged', why: `several networks are named ${name}` }
  const live = only.subnets.map(({ subnet }) => block(subnet).text)
  const parts = words(said).filter(word => word !== '')
  const claimed = parts.map(blockOrNull)
  const none = /^(?:\(?none\)?|-|–|—|n\/a)$/i.test(said)
  if (!none && claimed.some(one => one === null))
    return { kind: 'not-judged', why: `\`${said}\` is not a subnet` }
  const wanted = claimed.flatMap(one => one?.text ?? [])
  const same = none ? live.length === 0 : [...wanted].sort().join() === [...live].sort().join()
  return answer(same, subject, said, live.join(', ') || 'no subnet')
}

function serviceReplicas(name: string, said: string, { services, tasks }: Live): Compared {
  const service = services.find(one => one.name === name)
  const subject = `service ${name}`
  const [, running, wanted] = /^(\d+)\s*\/\s*(\d+)(?:\s+[a-z]+)?$/i.exec(said) ?? []
  if (running === undefined) return { kind: 'not-judged', why: `\`${said}\` is not a number of replicas` }
  if (service === undefined) return absent(subject, said, services, name)
  const { have, want } = staffing(service, tasksOf(service, tasks))
  return answer(`${running}/${wanted}` === `${have}/${want}`, subject, said, `${have}/${want}`)
}

function serviceImage(name: string, said: string, { services }: Live): Compared {
  const service = services.find(one => one.name === name)
  const subject = `image of service ${name}`
  if (service === undefined) return absent(subject, said, services, name)
  if (!/^[\w][\w./:@-]*$/.test(said)) return { kind: 'not-judged', why: `\`${said}\` is not an image` }
  const full = service.template.image
  const [tagged = full] = full.split('@')
  const [, path = tagged, tag = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(short(tagged)) ?? []
  const wanted = short(said)
  const isImage = [short(full), short(tagged)].includes(wanted) || short(tagged).endsWith(`/${wanted}`)
  if (isImage || version(wanted) === version(tag)) return answer(true, subject, said, full)
  if (wanted === path || path.endsWith(`/${wanted}`))
    return { kind: 'not-judged', why: `\`${said}\` names no version` }
  // `1.4` for `1.4.2`, or for `1.4-alpine`: shortened, and not wrong.
  const known = version(tag)
  if (
    /^\d/.test(version(wanted)) &&
    known.startsWith(version(wanted)) &&
    /^[.-]/.test(known.slice(version(wanted).length))
  )
    return { kind: 'not-judged', why: `\`${said}\` may be short for ${tag}` }
  return answer(false, subject, said, full)
}

/** Docker Hub's own prefixes may be left out. */
function short(image: string): string {
  return image.replace(/^(?:docker\.io|index\.docker\.io)\//, '').replace(/^library\//, '')
}

/** `v3.0.4` and `3.0.4` are the same version. */
function version(text: string): string {
  return text.replace(/^v(?=\d)/i, '')
}

function routeStatus(said: string, status: string, { routes }: Live): Compared {
  const url = URL.canParse(said) ? said : `https://${said}`
  const codes: readonly string[] = status.match(/\b[1-5]\d\d\b/g) ?? []
  const now = plainValue(status).match(/\b[1-5]\d\d\b/g) ?? []
  const [wanted, second] = now
  if (second !== undefined) return { kind: 'not-judged', why: `\`${status}\` names several answers` }
  if (!URL.canParse(url) || wanted === undefined) return { kind: 'not-judged', why: 'no URL and status' }
  // A builder's words never choose what is asked: see route-status.
  const seen = routes.find(route => new URL(route.url).href === new URL(url).href)
  if (seen === undefined) return { kind: 'not-judged', why: `the plan does not request ${url}` }
  if (seen.answer === null) return { kind: 'unseen', why: `${url}: ${seen.why}` }
  const live =
    seen.answer.kind === 'answered'
      ? String(seen.answer.status)
      : `${seen.answer.kind} (${seen.answer.detail})`
  // `301 → 200` may be a change, or what a visitor sees who follows the redirect.
  if (live !== wanted && codes.includes(live) && live.startsWith('3'))
    return { kind: 'not-judged', why: `\`${status}\` may follow the redirect` }
  return answer(live === wanted, url, wanted, live)
}

function answer(same: boolean, subject: string, said: string, live: string): Compared {
  return { kind: same ? 'confirmed' : 'contradicted', subject, said, live }
}

/** People shorten names: what is part of a name that exists is not understood, rather than absent. */
function absent(
  subject: string,
  said: string,
  all: readonly { readonly name: string }[],
  name: string
): Compared {
  if (!/^[\w.-]+$/.test(name)) return { kind: 'not-judged', why: `\`${name}\` is not a name` }
  const like = all.find(one => one.name.toLowerCase().includes(name.toLowerCase()))
  if (like !== undefined) return { kind: 'not-judged', why: `${subject} may mean ${like.name}` }
  return { kind: 'contradicted', subject, said, live: 'does not exist' }
}

import { block, blockOrNull } from '../base/cidr.ts'
import type { DockerNetwork } from './sources/docker-networks.ts'
import type { SwarmService } from './sources/docker-services.ts'
import type { SwarmTask } from './sources/docker-tasks.ts'
import type { RouteSeen } from './sources/routes.ts'
import type { Statement } from './sources/status-tables.ts'
import { staffing, tasksOf } from './swarm.ts'

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

/** A statement against the host as it is: every value in it that is understood, at least one answer. */
export function compare(statement: Statement, live: Live): readonly [Compared, ...Compared[]] {
  const { kind, under, above, columns, cells } = statement
  // Above an expectation stands a command, whose words are no sentence.
  const context = kind === 'row' ? [under, above, ...columns] : [under, ...cells]
  const when = context.map(text => otherTime.exec(text)?.[0]).find(word => word !== undefined)
  if (when !== undefined) return [{ kind: 'not-judged', why: `it may speak of another time ("${when}")` }]
  const [first, ...rest] =
    statement.kind === 'row' ? compareRow(statement, live) : compareExpected(statement, live)
  return first === undefined ? [{ kind: 'not-judged', why: 'not understood' }] : [first, ...rest]
}

const otherTime =
  /\b(?:before|previous(?:ly)?|old|former(?:ly)?|was|were|planned|plan|proposed|proposal|target|future|history|after the|until)\b/i

const headers = {
  name: /^(?:|name|item|what)$/,
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
  const cell = (header: keyof typeof headers) => {
    const index = names.findIndex(name => headers[header].test(name))
    const text = index < 0 ? undefined : cells[index]?.trim()
    return text === '' ? undefined : text
  }
  const name = cell('name')
  const network = cell('network') ?? (live.networks.some(one => one.name === name) ? name : undefined)
  const service = cell('service') ?? (live.services.some(one => one.name === name) ? name : undefined)
  const route = cell('route')
  const [subnet, replicas, image, status] = [cell('subnet'), cell('replicas'), cell('image'), cell('status')]
  return [
    ...(network === undefined || subnet === undefined ? [] : [networkSubnet(network, subnet, live)]),
    ...(service === undefined || replicas === undefined ? [] : [serviceReplicas(service, replicas, live)]),
    ...(service === undefined || image === undefined ? [] : [serviceImage(service, image, live)]),
    ...(route === undefined || status === undefined ? [] : [routeStatus(route, status, live)])
  ]
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
  if (second !== undefined) return { kind: 'not-judged', why: `there are several networks ${name}` }
  const live = only.subnets.map(({ subnet }) => block(subnet).text)
  const parts = words(said).filter(word => word !== '')
  const claimed = parts.map(blockOrNull)
  const none = /^(?:\(?none\)?|-|–|—|n\/a)$/i.test(said)
  if (!none && claimed.some(one => one === null))
    return { kind: 'not-judged', why: `\`${said}\` is no subnet` }
  const wanted = claimed.flatMap(one => one?.text ?? [])
  const same = none ? live.length === 0 : [...wanted].sort().join() === [...live].sort().join()
  return answer(same, subject, said, live.join(', ') || 'no subnet')
}

function serviceReplicas(name: string, said: string, { services, tasks }: Live): Compared {
  const service = services.find(one => one.name === name)
  const subject = `service ${name}`
  if (!/^\d+\/\d+$/.test(said)) return { kind: 'not-judged', why: `\`${said}\` is no number of replicas` }
  if (service === undefined) return absent(subject, said, services, name)
  const { have, want } = staffing(service, tasksOf(service, tasks))
  return answer(said === `${have}/${want}`, subject, said, `${have}/${want}`)
}

function serviceImage(name: string, said: string, { services }: Live): Compared {
  const service = services.find(one => one.name === name)
  const subject = `image of service ${name}`
  if (service === undefined) return absent(subject, said, services, name)
  if (!/^[\w][\w./:@-]*$/.test(said)) return { kind: 'not-judged', why: `\`${said}\` is no image` }
  const full = service.template.image
  const [tagged = full] = full.split('@')
  const same = [full, tagged].includes(said) || tagged.endsWith(`:${said}`) || tagged.endsWith(`/${said}`)
  return answer(same, subject, said, full)
}

function routeStatus(said: string, status: string, { routes }: Live): Compared {
  const url = URL.canParse(said) ? said : `https://${said}`
  const wanted = /\b[1-5]\d\d\b/.exec(status)?.[0]
  if (!URL.canParse(url) || wanted === undefined) return { kind: 'not-judged', why: 'no URL and status' }
  // A builder's words never choose what is asked: see route-status.
  const seen = routes.find(route => new URL(route.url).href === new URL(url).href)
  if (seen === undefined) return { kind: 'not-judged', why: `the plan does not ask ${url}` }
  if (seen.answer === null) return { kind: 'unseen', why: `${url}: ${seen.why}` }
  const live =
    seen.answer.kind === 'answered'
      ? String(seen.answer.status)
      : `${seen.answer.kind} (${seen.answer.detail})`
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
  const like = all.find(one => one.name.toLowerCase().includes(name.toLowerCase()))
  if (like !== undefined) return { kind: 'not-judged', why: `${subject} may mean ${like.name}` }
  return { kind: 'contradicted', subject, said, live: 'there is none of this name' }
}

import { stringify } from 'yaml'
import { repoName } from '../../lib/repo-name.ts'
import { guessForge } from '../../forge/forge.ts'

/** What the files of a new home are made of. */
export interface Guesses {
  readonly repo: string
  readonly branch: string
  /** Full sha of the tip; null for an empty repo. */
  readonly since: string | null
  /** Somebody has claimed a milestone before: then phase and milestone are the newest claim's. */
  readonly claimed: boolean
  readonly phase: string
  readonly milestone: string
  /** With a final slash, or empty for the top. */
  readonly reviewFolder: string
  readonly existingReviews: readonly string[]
  /** A file that the repo has, for the first check. */
  readonly file: string
  readonly host: { readonly name: string; readonly ssh: string } | null
  readonly aliases: readonly string[]
  readonly email: string
}

/** The JSON Schemas that are copied into a home: a line that points to them is then true on every machine. */
export const homeSchemaFiles = ['schemas/adversary.schema.json', 'schemas/plan.schema.json'] as const

/** Editors complete a file by its schema. @param path relative to the file itself, as editors resolve it. */
const modeline = (path: string) => `# yaml-language-server: $schema=${path}\n`

/** `adversary.yaml`, with what was guessed and what else there is to say. */
export function adversaryYaml(guesses: Guesses): string {
  const { existingReviews, aliases, host } = guesses
  const name = repoName(guesses.repo)
  const adopted = existingReviews.slice(0, 5).map(path => `  # there is already ${comment(path)}\n`)
  return `${modeline('./schemas/adversary.schema.json')}
repo:
  url: ${yaml(guesses.repo)}
${name === null ? '' : `  name: ${yaml(name)} # reviews are signed for this repo, by host and path, and open no gate of another\n`}  branch: ${yaml(guesses.branch)}
${adopted.join('')}  review: ${yaml(`${guesses.reviewFolder}REVIEW-{phase}.md`)}
  # evidence: ${comment(`${guesses.reviewFolder}evidence`)}
${guesses.since === null ? '  # since: the repo is empty, so every claim counts' : `  since: ${yaml(guesses.since)} # claims up to here are history`}
  # reviewBranch: reviews      push reviews here when the branch itself is protected

# Who commits reviews. The public key goes to the people who run the gate.
identity:
  name: adversary-bot
  email: ${yaml(guesses.email)}
  signingKey: ~/.ssh/adversary_ed25519

poll: 30s
retry: 15m # how long to retry failed observations before the verdict is INCONCLUSIVE

# The host key must be in known_hosts: it is always checked.
${
  host === null
    ? `${aliases.length === 0 ? '' : `# ~/.ssh/config knows ${comment(aliases.slice(0, 10).join(', '))}\n`}hosts: {}
#  prod:
#    ssh: prod                  an alias of ~/.ssh/config, or user@host:port
`
    : `hosts:
  ${yaml(host.name)}:
    ssh: ${yaml(host.ssh)} # an alias of ~/.ssh/config, or user@host:port
`
}#    transport: openssh         for ProxyJump, certificates and hardware keys; or local

# gate:
#   allowedSigners: ./allowed_signers      git's format; default: only the identity's own key

# Verdicts as commit statuses, adversary/<phase>-<milestone>.
# forge:
${forgeLines(guesses.repo)}#   token: ./forge.token                   readable by its owner only; or ADVERSARY_FORGE_TOKEN in the environment

# serve:                                   for adversary serve
#   listen: 127.0.0.1:8750
#   webhook:
#     secret: ./webhook.secret             the same as in the forge's webhook
`
}

/** What the address of the repo tells stands there already; the rest is for a person to say. */
function forgeLines(repo: string): string {
  const guess = guessForge(repo)
  const line = (key: string, value: string, why: string) =>
    `#   ${`${key}: ${comment(value)}`.padEnd(37)}  ${why}\n`
  return [
    line('kind', guess.kind ?? 'gitea', 'gitea, forgejo, github or gitlab'),
    ...(guess.url === null ? [line('url', 'https://git.example.test', 'where people open it')] : []),
    ...(guess.repo === null ? [line('repo', 'ops/infra', 'owner/name')] : [])
  ].join('')
}

/** The first plan: one check that can be true today, and how to write the next ones. */
export function planYaml({ phase, milestone, file, host }: Guesses): string {
  return `${modeline('../schemas/plan.schema.json')}# What must hold before a milestone of this phase is done. A builder claims one by a commit
#   claim(${phase}-${milestone}): what was done
# \`adversary probe --list\` lists the probes, \`adversary probe --explain ID\` describes one.

phase: ${yaml(phase)}
title: ${yaml(`Phase ${phase}`)}
${host === null ? '# host: prod\n' : `host: ${yaml(host.name)}\n`}milestones:
  ${yaml(milestone)}:
    title: ${yaml(`what ${milestone} is about`)}
    # needs: [M0]              without their PASS this one is INCONCLUSIVE
    checks:
      - probe: repo-file
        with: { path: ${yaml(file)}, exists: true }
${
  host === null
    ? ''
    : `      - probe: subnet-collision
      # - probe: replica-counts
      #   with: { services: 9 }
      #   within: 5m             until it passes twice
`
}      # - probe: route-status
      #   with:
      #     routes: { "https://example.test/": 200 }

# hunt:                        break-it probes, beyond what the milestones require
#   every: 15m
#   probes: all
`
}

function yaml(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd()
}

/** A guess inside a comment stays on its line. */
function comment(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, '')
}

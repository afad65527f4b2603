import { Command as Commander, CommanderError, InvalidArgumentError, Option } from 'commander'
import { durationForm, parseDuration } from '../lib/duration.ts'
import { AdversaryError, messageOf } from '../lib/errors.ts'
import { redact } from '../lib/secrets/redact.ts'
import { clean } from '../lib/text/clean.ts'
import { type ExitCode, exitCode } from '../lib/words.ts'
import type { Command, CommonOptions, Io, OutputMode } from './io.ts'
import type { Reporting } from './report-option.ts'
import type { CommandTree } from './shell/command-tree.ts'

/** Loads the file of one command: nothing of a command is loaded unless it runs. */
type Load<Options extends CommonOptions> = () => Promise<{ readonly run: Command<Options> }>

/** What a run of the program needs from outside: everything, so that tests can bring their own. */
export interface Runtime {
  io(manner: OutputMode): Io
  /** The version of this package. */
  version(): Promise<string>
  /** The version of Node that runs it. */
  readonly node: string
  /** Called before a command begins its work, unless it only tells of itself. */
  working?(): Promise<void>
}

/**
 * Runs one command line.
 *
 * @param argv the words after the program's name.
 * @returns the exit code; 64 for words that are not understood, 70 for a fault of our own.
 */
export async function main(argv: readonly string[], outside: Runtime): Promise<ExitCode> {
  // Until the words are understood, `--json` must already keep stdout clean.
  const early = outside.io({ json: argv.includes('--json'), quiet: false })
  let code: ExitCode = exitCode.pass
  const { program } = commandLine(outside, early, async (io, run) => {
    code = await finish(io, run)
  })
  withVersion(program, await outside.version())
  if (isVersionReport(argv)) {
    const io = outside.io({ json: false, quiet: false })
    return finish(io, async () => {
      const { versionReport } = await import('./version-report.ts')
      io.text(await versionReport(await outside.version(), outside.node))
      return exitCode.pass
    })
  }
  if (argv.length === 0) {
    early.err(program.helpInformation())
    return exitCode.usage
  }
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help and version are what was asked for; whatever else the parser throws is a misunderstanding.
    return error.exitCode === 0 ? exitCode.pass : exitCode.usage
  }
  return code
}

/** The whole command line, not yet parsed. @param act runs a command: `run` loads it. */
function commandLine(
  outside: Runtime,
  early: Pick<Io, 'err'>,
  act: (io: Io, run: () => Promise<ExitCode>) => Promise<void>
): { readonly program: Commander; readonly tree: () => CommandTree } {
  const shownExamples = new Map<string, readonly string[]>()
  const program = new Commander('adversary')
    .description(
      'Watches a repository for claims, checks each one on the live system, and pushes signed verdicts.\n' +
        'watch → claim → observe → judge → decide → render → publish; `gate` reads the result.'
    )
    .exitOverride()
    .configureOutput({
      writeOut: text => outside.io({ json: false, quiet: false }).text(text),
      writeErr: text => early.err(text)
    })
    .showHelpAfterError('(run with --help for usage)')
    .helpCommand(true)
    .addHelpText('after', `\n${exitCodes}\n\nFirst: adversary demo. Then: adversary init.`)

  function add<Options extends CommonOptions>(
    spec: string,
    about: string,
    examples: readonly string[],
    load: Load<Options>
  ): Commander {
    const shown = examples.map(line => `  $ adversary ${line}`).join('\n')
    const command = program.command(spec).description(about)
    shownExamples.set(command.name(), examples)
    return command
      .option('--home <dir>', 'folder with adversary.yaml (default: the nearest parent folder that has one)')
      .option('--json', 'one JSON document on stdout, everything else on stderr')
      .option('--quiet', 'print errors only; the exit code is the answer')
      .addHelpText('after', `\nExamples:\n${shown}\n\n${exitCodes}`)
      .action(async (...words: unknown[]) => {
        const typed = typedOptions(command, words)
        const io = outside.io({ json: typed.json === true, quiet: typed.quiet === true })
        // Each `add` below declares what the options of its command's file say.
        await act(io, async () => {
          await outside.working?.()
          return (await load()).run(typed as Options, io)
        })
      })
  }

  add(
    'demo',
    'shows a whole run on built-in data: a small repo with claims, a recorded host, the reviews',
    ['demo', 'demo --keep /tmp/adversary-demo'],
    () => import('./demo/demo-command.ts')
  ).option('--keep <dir>', 'create this new folder, run there, and keep it')

  add(
    'init [dir]',
    'writes a commented configuration for a repo and a host (default: ./adversary-home)',
    [
      'init --repo ssh://git@git.example.test/ops/infra.git --host prod=deploy@prod.example.test',
      'init ~/reviews --repo . --host prod'
    ],
    () => import('./setup/init-command.ts')
  )
    .option(
      '--repo <url>',
      'the repository to watch: what git clone takes (default: origin of the checkout here)'
    )
    .option('--branch <name>', "the branch with the claims (default: the remote's own)")
    .option('--host <name[=ssh]>', 'a host: an alias of ~/.ssh/config, or name=user@host:port')
    .option('--phase <name>', 'phase of the first plan (default: that of the newest claim, or p1)')

  add(
    'doctor',
    'checks tools, keys, push access and each host, and shows how to fix what fails',
    ['doctor', "doctor --json | jq '.checks[] | select(.ok == false)'"],
    () => import('./setup/doctor-command.ts')
  )

  add(
    'config <action>',
    '`config check`: checks adversary.yaml, plans and own probes, without network, hosts or clone',
    ['config check', 'config check --home ~/reviews', "config check --json | jq '.errors[].message'"],
    () => import('./setup/config-command.ts')
  )

  add(
    'watch',
    'polls the repo and reviews every claim, until SIGINT or SIGTERM',
    ['watch', 'watch --once', 'watch --homes ~/homes', 'watch --json >> reviews.ndjson'],
    () => import('./watch/watch-command.ts')
  )
    .option('--once', 'review what is pending now, then exit with the worst code of the reviews')
    .option('--homes <dirs...>', 'several in one process: homes, or folders that contain homes')
    .addOption(logFormat())

  add(
    'serve',
    'runs the watcher with an HTTP server: webhooks, Drone validation, /healthz, /metrics and the board',
    ['serve', 'serve --listen 127.0.0.1:9000', 'serve --json >> reviews.ndjson'],
    () => import('./watch/serve-command.ts')
  )
    .option(
      '--listen <address:port>',
      'address to listen on (default: `serve.listen` of adversary.yaml, 127.0.0.1:8750)'
    )
    .addOption(logFormat())

  add(
    'review <target>',
    'reviews one claim now: <phase>-<milestone>, or the commit of a claim',
    ['review pvfix-M2', 'review 71319d7 --dry-run', 'review pvfix-M2 --retry 15m --json'],
    reported('review', () => import('./review/review-command.ts'))
  )
    .addOption(report())
    .addOption(dryRun())
    .addOption(duration('--retry <duration>', 'retry for this long what could not be observed'))
    .addOption(
      duration(
        '--budget <duration>',
        'time limit; checks that do not finish in time are unknown (default: 60s)'
      )
    )

  add(
    'orient <phase>',
    'writes the "Phase context" section: the state of the host before any claim',
    ['orient pvfix', 'orient pvfix --dry-run'],
    () => import('./review/orient-command.ts')
  ).addOption(dryRun())

  add(
    'hunt <phase>',
    'runs the break-it probes now and appends what they find',
    ['hunt pvfix', 'hunt pvfix --json | jq .findings'],
    reported('hunt', () => import('./review/hunt-command.ts'))
  )
    .addOption(report())
    .addOption(dryRun())

  add(
    'probe [id]',
    'runs one probe by hand; writes nothing',
    [
      'probe --list',
      'probe --explain subnet-collision',
      'probe subnet-collision --on prod --with subnet=10.10.0.0/16',
      "probe route-status --with 'routes={https://example.test/: 200}'"
    ],
    reported('probe', () => import('./review/probe-command.ts'))
  )
    .addOption(report())
    .option('--on <host>', 'a host of adversary.yaml (default: the only one)')
    .option('--with <key=value...>', 'parameters; values are read as YAML')
    .option('--list', 'list all probes and what they assert')
    .option('--explain', 'show what the probe asserts, why, its parameters, and what to do when it fails')

  add(
    'rehearse',
    "prints the timeline of a host's next cold boot, rehearsed in a sandbox; writes nothing",
    ['rehearse --on prod', 'rehearse --unit deploy-proxy', 'rehearse --without docker --json'],
    () => import('./review/rehearse-command.ts')
  )
    .option('--on <host>', 'a host of adversary.yaml (default: the only one)')
    .option('--unit <unit>', 'only what this unit does')
    .option('--without <unit...>', 'rehearse a fault: leave these units out of the boot')
    .option('--down <url...>', 'rehearse a fault: these URLs or host:port never answer')

  add(
    'gate <gate>',
    'may it proceed? For pipelines: reads signed reviews; needs no SSH access and no configuration',
    [
      'gate pvfix-M2 --reviewer adversary@example.test --allowed-signers /etc/adversary/allowed_signers',
      'gate pvfix --wait 30m',
      'gate pvfix-M2 --json'
    ],
    reported('gate', () => import('./gate/gate-command.ts'))
  )
    .addOption(report())
    .addOption(duration('--wait <duration>', 'wait up to this long for a review'))
    .option(
      '--remote <url>',
      "repository with the reviews (default: the pipeline's clone URL, or the checkout's origin)"
    )
    .option('--branch <name>', "the branch with claims and reviews (default: the remote's own)")
    .option('--review-branch <name>', 'the branch with the reviews, if it differs')
    .option('--commit <sha>', "the commit being built (default: the pipeline's, or the branch's tip)")
    .option(
      '--allowed-signers <file>',
      'file with the allowed signers (default: the content of ADVERSARY_ALLOWED_SIGNERS)'
    )
    .option('--revoked <file>', 'revoked keys: a KRL, or public keys, one per line')
    .option('--reviewer <principal>', 'principal whose verdicts count (default: ADVERSARY_REVIEWER)')
    .option(
      '--repo <name>',
      "the repo that reviews must be signed for: path or full address (default: ADVERSARY_REPO, or the pipeline's)"
    )

  add(
    'drone-plugin',
    'runs the gate as a plugin of Drone or Woodpecker: its options come from `settings:` (PLUGIN_GATE …)',
    ['drone-plugin'],
    () => import('./gate/drone-plugin-command.ts')
  )

  add(
    'status',
    'shows phases, milestones, verdicts, open findings and pending claims',
    ['status', 'status --json', 'status --watcher'],
    () => import('./watch/status-command.ts')
  ).option(
    '--watcher',
    'show only the running watcher, without contacting the remote (exit 2: none runs, or it hangs)'
  )

  add(
    'board',
    'writes the board as static pages: phases, verdicts, findings, the timeline, all evidence',
    ['board --out public', 'board --out public --commits https://git.example.test/ops/infra/commit/'],
    () => import('./watch/board-command.ts')
  )
    .option('--out <dir>', 'the folder to write to')
    .option('--commits <url>', 'base URL of commit pages (default: derived from the clone URL)')

  add(
    'replay <file>',
    'judges recorded evidence again, offline, and shows any difference',
    ['replay machine-docs/evidence/pvfix-M2-71319d7c0ffe.json'],
    () => import('./review/replay-command.ts')
  ).option(
    '--digest <sha256>',
    "digest in the review's Adversary-Evidence trailer; a file with another digest is not trusted"
  )

  add(
    'prove <phase>',
    'proves for every check of a plan that it can fail, by judging falsified facts',
    ['prove pvfix', 'prove pvfix --json'],
    () => import('./review/prove-command.ts')
  )

  add(
    'suggest',
    'prints a plan with the checks that hold on a host today',
    ['suggest --on prod --out plans/p1.yaml', 'suggest --on prod --phase hardening'],
    () => import('./setup/suggest-command.ts')
  )
    .option('--on <host>', 'a host of adversary.yaml (default: the only one)')
    .option('--phase <name>', 'the phase of the plan', 'p1')
    .option('--out <file>', 'write the plan to this file, only on success (default: standard output)')

  add(
    'finding <action> <phase> [id]',
    'opens, closes or lists findings of a person or an agent, in the same format and numbering',
    [
      'finding list pvfix',
      'finding open pvfix --title "backups are never restored" --severity high --blocks D8',
      'finding close pvfix A2 --reason "restored on 2026-06-14, see the log in the wiki"'
    ],
    () => import('./record/finding-command.ts')
  )
    .option('--title <text>', 'one line: what is wrong')
    .option('--severity <level>', 'low, medium, high or critical', 'medium')
    .option('--blocks <milestones...>', "milestones whose gate it closes (default: the plan's `hunt.blocks`)")
    .option('--story <text>', 'what was seen, and why it matters')
    .option('--mend <text>', 'how to fix it')
    .option('--reason <text>', 'why the finding is closed')
    .addOption(dryRun())

  add(
    'veto <target>',
    'closes the gate of a milestone, or of a whole phase, with a signed veto, until it is lifted',
    [
      'veto pvfix-M2 --reason "the backup was not tested"',
      'veto pvfix-M2 --lift --reason "tested"',
      'veto pvfix --reason "not before the audit" --dry-run'
    ],
    () => import('./record/veto-command.ts')
  )
    .option('--reason <text>', 'why')
    .option('--lift', 'lift the veto')
    .addOption(dryRun())

  add(
    'accept <phase>',
    'shows the unsigned parts of a review file, asks, and signs the file as it is',
    ['accept pvfix --dry-run', 'accept pvfix --reason "typing error in the M1 section corrected by hand"'],
    () => import('./record/accept-command.ts')
  )
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask for confirmation')
    .addOption(dryRun())

  add(
    'lockdown',
    "prints the authorized_keys line and script that limit the reviewer's key to the reads its plans need",
    [
      'lockdown --on prod > adversary-reader',
      'lockdown --on prod --from 192.0.2.10 --also /srv/deploy',
      'lockdown --check --on prod'
    ],
    () => import('./setup/lockdown-command.ts')
  )
    .option('--on <host>', 'a host of adversary.yaml (default: the only one)')
    .option(
      '--check',
      'test, without side effects, whether the host enforces the limits (exit 1: it does not)'
    )
    .option('--from <addresses>', 'addresses the key may log in from, as in `from=` of authorized_keys')
    .option('--path <file>', 'path of the script on the host (default: /usr/local/libexec/adversary-reader)')
    .option('--key <file>', 'the public key to limit (default: the first one offered to the host)')
    .option(
      '--also <folder...>',
      'more folders with programs of units (besides /nix/store, /usr/local, /opt)'
    )

  add(
    'completion <shell>',
    'prints the completion script of bash, zsh or fish',
    [
      'completion bash > ~/.local/share/bash-completion/completions/adversary',
      'completion zsh > ~/.zfunc/_adversary',
      'completion fish > ~/.config/fish/completions/adversary.fish'
    ],
    async () => ({ run: (await import('./shell/completion-command.ts')).completing(tree) })
  )

  return { program, tree }

  function tree(): CommandTree {
    return treeOf(program, shownExamples)
  }
}

/** The command line as data, for completion and the man page. */
export function describeCommandLine(): CommandTree {
  const silent = {
    io(): never {
      throw new Error('a description prints nothing')
    },
    version: async () => '',
    node: ''
  }
  const { program, tree } = commandLine(silent, { err: () => undefined }, async () => undefined)
  withVersion(program, '0')
  return tree()
}

function treeOf(program: Commander, examples: ReadonlyMap<string, readonly string[]>): CommandTree {
  const help = program.createHelp()
  const options = (command: Commander) =>
    help.visibleOptions(command).map(option => ({
      names: [option.long, option.short].filter(name => name !== undefined && name !== null),
      value: /[<[](?<name>[^>\].]+)/.exec(option.flags)?.groups?.['name'] ?? null,
      about: option.description
    }))
  return {
    about: program.description(),
    options: options(program),
    commands: program.commands.map(command => ({
      name: command.name(),
      about: command.description(),
      arguments: command.registeredArguments.map(argument => ({
        name: argument.name(),
        required: argument.required,
        choices: choicesOf[`${command.name()} ${argument.name()}`] ?? []
      })),
      options: options(command),
      examples: examples.get(command.name()) ?? []
    })),
    exitCodes
  }
}

/** Words that an argument expects, by command and argument. What is wrong is said by the command itself. */
const choicesOf: Readonly<Record<string, readonly string[]>> = {
  'config action': ['check'],
  'completion shell': ['bash', 'zsh', 'fish'],
  'finding action': ['open', 'close', 'list']
}

function withVersion(program: Commander, version: string): void {
  const about = 'the version; with --verbose also those of node, git, ssh and the platform, for bug reports'
  program.version(version, '-V, --version', about)
}

/** `--version --verbose`, in any order, and nothing else. */
function isVersionReport(argv: readonly string[]): boolean {
  const version = argv.some(word => word === '--version' || word === '-V')
  return (
    version && argv.includes('--verbose') && argv.every(word => /^(?:--version|-V|--verbose)$/.test(word))
  )
}

/** Arguments and options by their names; a duration's name ends in its unit: `retryMs`. */
function typedOptions(command: Commander, words: readonly unknown[]): CommonOptions {
  const given = command.registeredArguments.map((argument, index) => [argument.name(), words[index]])
  const typed = Object.entries(command.opts())
  const durations = new Set(
    command.options.filter(each => each.parseArg === ms).map(each => each.attributeName())
  )
  return Object.fromEntries([
    ...given.filter(([, value]) => value !== undefined),
    ...typed.map(([name, value]) => [durations.has(name) ? `${name}Ms` : name, value])
  ])
}

/** Runs a command; what it throws becomes a sentence and a code. */
async function finish(io: Io, run: () => Promise<ExitCode>): Promise<ExitCode> {
  try {
    return await run()
  } catch (error) {
    if (io.signal.aborted && isInterruption(error, io.signal.reason)) {
      io.err('adversary: interrupted before a decision')
      return exitCode.notProven
    }
    if (error instanceof AdversaryError) {
      io.err(`adversary: ${clean(redact(error.message).text)}`)
      if (error.hint !== undefined) io.err(`  try: ${clean(redact(error.hint).text)}`)
      return error.exit
    }
    const story = error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
    io.err(`adversary: internal error: ${clean(redact(story).text)}`)
    return exitCode.fault
  } finally {
    io.progress(null)
  }
}

/** Whether the signal is why, or why of why: git that was ended is a fault only where nobody ended it. */
function isInterruption(error: unknown, reason: unknown): boolean {
  if (error === reason) return true
  if (!(error instanceof Error)) return false
  return error.name === 'AbortError' || isInterruption(error.cause, reason)
}

/** The same command, which also writes the files of `--report`. */
function reported<Options extends CommonOptions>(of: Reporting, load: Load<Options>): Load<Options> {
  return async () => {
    const [{ run }, { reporting }] = await Promise.all([load(), import('./report-option.ts')])
    return { run: reporting(of, run) }
  }
}

function logFormat(): Option {
  return new Option(
    '--log <format>',
    'events on stderr: `text` for people, `json` a line each (default: text on a terminal, else json)'
  ).choices(['text', 'json'])
}

function dryRun(): Option {
  return new Option('--dry-run', 'print what would be appended; push nothing')
}

/** May be given again. */
function report(): Option {
  const about = 'also write the result as junit, sarif, in-toto, markdown, html or prometheus; repeatable'
  return new Option('--report <format=file>', about).argParser((typed: string, before?: string[]) => [
    ...(before ?? []),
    typed
  ])
}

function duration(flags: string, about: string): Option {
  return new Option(flags, about).argParser(ms)
}

function ms(text: string): number {
  const value = parseDuration(text)
  if (value === null) throw new InvalidArgumentError(`Expected ${durationForm}.`)
  return value
}

const exitCodes = `Exit codes:
  0   PASS; the gate is open
  1   FAIL, or blocked by a finding or a veto
  2   not proven: INCONCLUSIVE, no review yet, or stale
  3   not trusted: unsigned, wrong signer, edited review
  64  usage or configuration error
  70  internal error, or a required tool is missing`

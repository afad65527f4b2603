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
      io.out(await versionReport(await outside.version(), outside.node))
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
      'Watches a repository for claims, looks for itself, and pushes signed verdicts.\n' +
        'watch → claim → observe → judge → decide → tell → publish; `gate` reads it back.'
    )
    .exitOverride()
    .configureOutput({
      writeOut: text => outside.io({ json: false, quiet: false }).out(text),
      writeErr: text => early.err(text)
    })
    .showHelpAfterError('(--help tells more)')
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
      .option('--home <dir>', 'folder with adversary.yaml (default: nearest one upwards)')
      .option('--json', 'one JSON document on stdout, everything else on stderr')
      .option('--quiet', 'errors only; the exit code tells')
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
    'the main job on an embedded default: a small repo with claims, a recorded host, the reviews',
    ['demo', 'demo --keep /tmp/adversary-demo'],
    () => import('./demo/demo-command.ts')
  ).option('--keep <dir>', 'play it in this new folder and keep it')

  add(
    'init [dir]',
    'writes a commented home for a repo and a host (default: ./adversary-home)',
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
    'proves every permission before it is needed: tools, keys, push, each host; says how to mend it',
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
    'polls the repo and answers every claim, until SIGINT or SIGTERM',
    ['watch', 'watch --once', 'watch --homes ~/homes', 'watch --json >> reviews.ndjson'],
    () => import('./watch/watch-command.ts')
  )
    .option('--once', 'answer what is pending now, then end with the worst code of the reviews')
    .option('--homes <dirs...>', 'several in one process: homes, or folders that hold homes')

  add(
    'serve',
    'the watcher with a small HTTP server: webhooks wake it, Drone asks it, /healthz, /metrics and the board tell how it stands',
    ['serve', 'serve --listen 127.0.0.1:9000', 'serve --json >> reviews.ndjson'],
    () => import('./watch/serve-command.ts')
  ).option('--listen <address:port>', 'where (default: `serve.listen` of adversary.yaml, 127.0.0.1:8750)')

  add(
    'review <target>',
    'one review now: <phase>-<milestone>, or the commit of a claim',
    ['review pvfix-M2', 'review 71319d7 --dry-run', 'review pvfix-M2 --retry 15m --json'],
    reported('review', () => import('./review/review-command.ts'))
  )
    .addOption(report())
    .addOption(dryRun())
    .addOption(duration('--retry <duration>', 'go on looking for this long at what could not be seen'))
    .addOption(
      duration('--budget <duration>', 'give up after this long; what ran out says so (default: 60s)')
    )

  add(
    'orient <phase>',
    'the "Phase context" section: what the host looks like before any claim',
    ['orient pvfix', 'orient pvfix --dry-run'],
    () => import('./review/orient-command.ts')
  ).addOption(dryRun())

  add(
    'hunt <phase>',
    'break-it probes now; what they find is appended',
    ['hunt pvfix', 'hunt pvfix --json | jq .findings'],
    reported('hunt', () => import('./review/hunt-command.ts'))
  )
    .addOption(report())
    .addOption(dryRun())

  add(
    'probe [id]',
    'one probe by hand; nothing is written',
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
    .option('--list', 'all probes and what they assert')
    .option('--explain', 'what the probe asserts, why, its parameters, and what to do when it fails')

  add(
    'gate <gate>',
    'may it proceed? For pipelines: reads signed reviews, asks no host, needs no home',
    [
      'gate pvfix-M2 --reviewer adversary@example.test --allowed-signers /etc/adversary/allowed_signers',
      'gate pvfix --wait 30m',
      'gate pvfix-M2 --json'
    ],
    reported('gate', () => import('./gate/gate-command.ts'))
  )
    .addOption(report())
    .addOption(duration('--wait <duration>', 'go on asking for this long while a review may still come'))
    .option(
      '--remote <url>',
      "where reviews are read (default: the pipeline's clone URL, or the checkout's origin)"
    )
    .option('--branch <name>', "the branch with claims and reviews (default: the remote's own)")
    .option('--review-branch <name>', 'the branch with the reviews, if it is another one')
    .option('--commit <sha>', "the commit being built (default: the pipeline's, or the branch's tip)")
    .option('--allowed-signers <file>', 'who may sign (default: the content of ADVERSARY_ALLOWED_SIGNERS)')
    .option('--revoked <file>', 'keys that count no more: a KRL, or public keys one a line')
    .option('--reviewer <principal>', 'whose verdicts count (default: ADVERSARY_REVIEWER)')
    .option(
      '--repo <name>',
      "the repo that reviews must be made for, its path or whole address (default: ADVERSARY_REPO, or the pipeline's)"
    )

  add(
    'drone-plugin',
    'the gate as a plugin of Drone or Woodpecker: its options come from `settings:` (PLUGIN_GATE …)',
    ['drone-plugin'],
    () => import('./gate/drone-plugin-command.ts')
  )

  add(
    'status',
    'the board: phases, milestones, verdicts, open findings, pending claims',
    ['status', 'status --json', 'status --watcher'],
    () => import('./watch/status-command.ts')
  ).option(
    '--watcher',
    'only what the running watcher does, asking no remote (2: none runs, or its loop hangs)'
  )

  add(
    'board',
    'writes the board as static pages: phases, verdicts, findings, the timeline, all evidence',
    ['board --out public', 'board --out public --commits https://git.example.test/ops/infra/commit/'],
    () => import('./watch/board-command.ts')
  )
    .option('--out <dir>', 'the folder to write to')
    .option('--commits <url>', 'where a commit is shown, less its sha (default: told by the clone URL)')

  add(
    'replay <file>',
    'judges recorded evidence again, offline: the same verdict, or it says what differs',
    ['replay machine-docs/evidence/pvfix-M2-71319d7c0ffe.json'],
    () => import('./review/replay-command.ts')
  ).option(
    '--digest <sha256>',
    'what the review signed for, in its Adversary-Evidence: another file is not trusted'
  )

  add(
    'prove <phase>',
    'shows for every check of a plan that it can fail, by judging falsified facts',
    ['prove pvfix', 'prove pvfix --json'],
    () => import('./review/prove-command.ts')
  )

  add(
    'suggest',
    'prints the checks that hold on a host today, to start a plan from',
    ['suggest --on prod > plans/p1.yaml', 'suggest --on prod --phase hardening'],
    () => import('./setup/suggest-command.ts')
  )
    .option('--on <host>', 'a host of adversary.yaml (default: the only one)')
    .option('--phase <name>', "the plan's phase", 'p1')

  add(
    'finding <action> <phase> [id]',
    "open, close or list findings: a person's or an agent's own, in the same format and numbering",
    [
      'finding list pvfix',
      'finding open pvfix --title "backups are never restored" --severity high --blocks D8',
      'finding close pvfix A2 --reason "restored on 2026-06-14, see the log in the wiki"'
    ],
    () => import('./record/finding-command.ts')
  )
    .option('--title <text>', 'one line: what is wrong')
    .option('--severity <level>', 'low, medium, high or critical', 'medium')
    .option('--blocks <milestones...>', "whose gate it closes (default: the plan's `hunt.blocks`)")
    .option('--story <text>', 'what, and why it matters')
    .option('--mend <text>', 'how to mend it')
    .option('--reason <text>', 'why it is closed')
    .addOption(dryRun())

  add(
    'veto <target>',
    'closes the gate of a milestone, or of a whole phase, by a signed word until it is lifted',
    [
      'veto pvfix-M2 --reason "the backup was not tested"',
      'veto pvfix-M2 --lift --reason "tested"',
      'veto pvfix --reason "not before the audit" --dry-run'
    ],
    () => import('./record/veto-command.ts')
  )
    .option('--reason <text>', 'why')
    .option('--lift', 'lift it again')
    .addOption(dryRun())

  add(
    'accept <phase>',
    'shows what of a review file is not signed, asks, and signs for it as it stands',
    ['accept pvfix --dry-run', 'accept pvfix --reason "typing error in the M1 section corrected by hand"'],
    () => import('./record/accept-command.ts')
  )
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask')
    .addOption(dryRun())

  add(
    'lockdown',
    "prints what locks the reviewer's key on a host: it may start the reader, and read what the plans need",
    [
      'lockdown --on prod > adversary-reader',
      'lockdown --on prod --from 192.0.2.10 --also /srv/deploy',
      'lockdown --check --on prod'
    ],
    () => import('./setup/lockdown-command.ts')
  )
    .option('--on <host>', 'a host of adversary.yaml (default: the only one)')
    .option('--check', 'try, harmlessly, whether the host keeps to it (1: it does not)')
    .option('--from <addresses>', 'where the key may come from, as `from=` of authorized_keys takes it')
    .option(
      '--path <file>',
      'where the script will be on the host (default: /usr/local/libexec/adversary-reader)'
    )
    .option('--key <file>', 'the public key to lock (default: the first one that the host is offered)')
    .option(
      '--also <folder...>',
      "more folders where units' programs lie (besides /nix/store, /usr/local, /opt)"
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
      io.err('adversary: interrupted, nothing was decided')
      return exitCode.notProven
    }
    if (error instanceof AdversaryError) {
      io.err(`adversary: ${clean(redact(error.message).text)}`)
      if (error.hint !== undefined) io.err(`  try: ${clean(redact(error.hint).text)}`)
      return error.exit
    }
    const story = error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
    io.err(`adversary: a fault of its own: ${clean(redact(story).text)}`)
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

function dryRun(): Option {
  return new Option('--dry-run', 'print what would be appended, push nothing')
}

/** May be given again. */
function report(): Option {
  const about = 'also write it as junit, sarif, in-toto, markdown or prometheus; may be given again'
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
  70  a fault of its own, or a tool that is missing`

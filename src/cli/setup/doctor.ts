import { join } from 'node:path'
import { AdversaryError, messageOf } from '../../lib/errors.ts'
import { isoSecond } from '../../os/clock.ts'
import { openToOthers, readText } from '../../os/files.ts'
import { type Git, openClone } from '../../git/clone.ts'
import { type Signature } from '../../git/git-types.ts'
import { findGit, findKeygen } from '../../git/process.ts'
import { publicKeyOf } from '../../ssh/keys.ts'
import { type Workspace, reviewBranchOf } from '../../config/workspace.ts'
import { proveHost } from './host-check.ts'
import { shellWord } from '../../lib/text/shell-quote.ts'
import { type Fix, missing, type Proof, proved, type Subject, untold } from './doctor-result.ts'
import type { HostContext } from '../../review/context/review-context.ts'

/** Proves the tools that everything else needs. */
export async function proveTools(): Promise<readonly Proof[]> {
  const tool = async (name: string, find: () => Promise<string>, fix: string): Promise<Proof> => {
    const at = { id: `tool/${name}`, subject: name }
    try {
      return proved(at, await find())
    } catch (error) {
      if (error instanceof AdversaryError) return missing(at, error, fix)
      throw error
    }
  }
  const keygen = async () => {
    await findKeygen()
    return 'can sign'
  }
  return Promise.all([
    tool('git', findGit, 'install git 2.34 or newer'),
    tool('ssh-keygen', keygen, 'install the OpenSSH client tools, 8.2 or newer')
  ])
}

/** Proves the repository and every host; hosts side by side, so that none hides another. */
export async function proveAll(seat: HostContext, tools: readonly Proof[]): Promise<readonly Proof[]> {
  const able = tools.every(({ ok }) => ok !== false)
  const [repo, ...hosts] = await Promise.all([
    able
      ? proveRepo(seat)
      : Object.values(subjects).map(each => untold(each, 'not checked: git or ssh-keygen is missing')),
    ...[...seat.home.hosts.values()].map(host => proveHost(seat, host))
  ])
  // Given up is not missing.
  seat.signal.throwIfAborted()
  return [...repo, ...hosts.flat()]
}

const subjects = {
  key: { id: 'repo/key', subject: 'signing key' },
  signing: { id: 'repo/signing', subject: 'signing' },
  signers: { id: 'repo/signers', subject: 'allowed signers' },
  fetching: { id: 'repo/fetch', subject: 'clone and fetch' },
  since: { id: 'repo/since', subject: 'since' },
  pushing: { id: 'repo/push', subject: 'push (dry run)' }
} as const

async function proveRepo({ home, signal }: HostContext): Promise<readonly Proof[]> {
  const { key, signing, signers, fetching, since, pushing } = subjects
  const keyProof = await proveKey(home, key)
  let git: Git
  try {
    git = await openClone({ url: home.repo.url, dir: join(home.stateDir, 'clone.git'), signal })
  } catch (error) {
    signal.throwIfAborted()
    const fix = `correct \`repo.url\` in adversary.yaml, or make ${home.stateDir} writable`
    return [
      keyProof,
      ...[signing, signers].map(step => untold(step, 'not checked: no clone')),
      missing(fetching, error, fix),
      ...[since, pushing].map(step => untold(step, 'not checked: no clone'))
    ]
  }
  try {
    const tips = await fetchTips(home, git).catch((error: unknown) => ({ error }))
    signal.throwIfAborted()
    const signed = await sign(home, git, 'error' in tips ? null : tips.review)
    return [
      keyProof,
      ...('error' in signed && keyProof.ok === false
        ? [signing, signers].map(step => untold(step, 'not checked: the signing key is missing'))
        : await proveSigning(home, git, signed, signing, signers)),
      ...('error' in tips
        ? [
            missing(
              fetching,
              tips.error,
              hintOf(tips.error) ?? {
                text: 'run by hand',
                command: `git ls-remote ${shellWord(git.url)}`
              }
            ),
            ...[since, pushing].map(step => untold(step, 'not checked: fetching failed'))
          ]
        : [
            proved(fetching, `${home.repo.branch} of ${git.url} is at ${tips.branch.slice(0, 12)}`),
            await proveSince(home, git, tips.branch, since),
            await provePush(home, git, signed, pushing)
          ])
    ]
  } finally {
    await git.close()
  }
}

async function proveKey({ identity }: Workspace, step: Subject): Promise<Proof> {
  const { signingKey } = identity
  try {
    if ((await readText(signingKey, 64 * 1024)) === null) {
      return missing(step, `${signingKey} does not exist`, {
        text: 'correct `identity.signingKey` in adversary.yaml, or make a key',
        command: `ssh-keygen -t ed25519 -N '' -f ${shellWord(signingKey)}`
      })
    }
    const open = await openToOthers(signingKey)
    if (signingKey.endsWith('.pub')) return proved(step, `${signingKey}; the agent holds the private half`)
    if (open !== null) {
      return missing(step, `other users can read ${signingKey} (mode ${open}; expected 0600)`, {
        text: '',
        command: `chmod 600 ${shellWord(signingKey)}`
      })
    }
    return proved(step, `${signingKey}, readable by its owner only`)
  } catch (error) {
    return missing(step, `${signingKey} cannot be read: ${messageOf(error)}`, {
      text: '',
      command: `chmod 600 ${shellWord(signingKey)}`
    })
  }
}

async function fetchTips(home: Workspace, git: Git) {
  const branch = await git.fetch(home.repo.branch)
  if (branch === null) {
    throw new AdversaryError('repository', `${git.url} has no branch ${home.repo.branch}`, {
      hint: 'push a first commit, or correct `repo.branch` in adversary.yaml'
    })
  }
  const name = reviewBranchOf(home)
  return { branch, review: name === home.repo.branch ? branch : ((await git.fetch(name)) ?? branch) }
}

/** A signed commit on the review branch that no ref names: it stays in the clone and is never pushed. */
async function sign(
  home: Workspace,
  git: Git,
  parent: string | null
): Promise<{ sha: string } | { error: unknown }> {
  try {
    const sha = await git.writeCommit({
      parent,
      files: [{ path: '.adversary-doctor', bytes: Buffer.from('never pushed\n') }],
      message: 'doctor: signed as a test, never pushed\n',
      identity: home.identity,
      date: isoSecond()
    })
    return { sha }
  } catch (error) {
    return { error }
  }
}

async function proveSigning(
  home: Workspace,
  git: Git,
  signed: { sha: string } | { error: unknown },
  signing: Subject,
  signers: Subject
): Promise<readonly Proof[]> {
  const { email, signingKey } = home.identity
  if ('error' in signed) {
    return [
      missing(
        signing,
        signed.error,
        hintOf(signed.error) ?? 'correct `identity.signingKey` in adversary.yaml'
      ),
      untold(signers, 'not checked: signing failed')
    ]
  }
  const own = await publicKeyOf(signingKey)
  const line = own === null ? null : `${email} namespaces="git" ${own}`
  const verify = async (allowed: string) => (await git.signatures([signed.sha], { allowed })).get(signed.sha)
  const byOwn = line === null ? undefined : await verify(`${line}\n`)
  const signingProof =
    line === null
      ? missing(signing, `no public key beside ${signingKey}`, derive(signingKey))
      : byOwn?.state === 'good'
        ? proved(signing, `a scratch commit, signed and verified (${byOwn.key})`)
        : missing(signing, `the signature does not verify with ${signingKey}.pub`, derive(signingKey))
  return [signingProof, await proveSigners(home, signers, line, verify)]
}

async function proveSigners(
  { gate, identity }: Workspace,
  step: Subject,
  line: string | null,
  verify: (allowed: string) => Promise<Signature | undefined>
): Promise<Proof> {
  const file = gate.allowedSigners
  if (file === null) {
    const half = `${identity.signingKey}.pub`
    if ((await readText(half, 64 * 1024)) === null) {
      const why = `${half} does not exist, and \`gate.allowedSigners\` is not set`
      return missing(step, why, derive(identity.signingKey))
    }
    return proved(step, `\`gate.allowedSigners\` is not set: only the reviewer's own key is trusted`)
  }
  const add = `add to ${file}: ${line ?? `${identity.email} namespaces="git" <public key>`}`
  try {
    const allowed = await readText(file, 1024 * 1024)
    if (allowed === null) return missing(step, `${file} does not exist`, add)
    const found = await verify(allowed)
    if (found?.state !== 'good') {
      const why = found?.state === 'bad' ? ` (${found.why})` : ''
      return missing(step, `${file} does not allow the reviewer's own key${why}`, add)
    }
    return found.principal === identity.email
      ? proved(step, `${file} allows the reviewer's key as ${found.principal}`)
      : missing(step, `${file} allows the reviewer's key as ${found.principal}, not ${identity.email}`, add)
  } catch (error) {
    return missing(step, `${file}: ${messageOf(error)}`, add)
  }
}

async function proveSince({ repo }: Workspace, git: Git, tip: string, step: Subject): Promise<Proof> {
  if (repo.since === null) return untold(step, 'not set: every claim on the branch is reviewed')
  const fix = `set \`repo.since\` in adversary.yaml to a commit of ${repo.branch}, for example ${tip.slice(0, 12)}`
  const commit = await git.commit(repo.since)
  if (commit === null) return missing(step, `${repo.branch} has no commit ${repo.since}`, fix)
  if (!(await git.isAncestor(commit.sha, tip))) {
    return missing(step, `${repo.since} is not in the history of ${repo.branch}`, fix)
  }
  return proved(step, `claims up to ${commit.sha.slice(0, 12)} are not reviewed`)
}

async function provePush(
  home: Workspace,
  git: Git,
  signed: { sha: string } | { error: unknown },
  step: Subject
): Promise<Proof> {
  if ('error' in signed) return untold(step, 'not checked: signing failed')
  const branch = reviewBranchOf(home)
  const fix = `let the reviewer push to ${branch} of ${git.url}, or name another branch in \`repo.reviewBranch\``
  try {
    const outcome = await git.push(signed.sha, branch, { dryRun: true })
    return outcome.kind === 'refused'
      ? missing(step, outcome.why, fix)
      : proved(step, `${branch} accepts a push (dry run); only a real push tests hooks and branch protection`)
  } catch (error) {
    return missing(step, error, hintOf(error) ?? fix)
  }
}

function derive(signingKey: string): Fix {
  const file = shellWord(signingKey)
  return { text: 'derive it from the key', command: `ssh-keygen -y -f ${file} > ${file}.pub` }
}

function hintOf(error: unknown): string | null {
  return error instanceof AdversaryError ? (error.hint ?? null) : null
}

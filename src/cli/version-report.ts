import { arch, release, type } from 'node:os'
import { messageOf } from '../lib/errors.ts'
import { oneLine } from '../lib/text/clean.ts'
import { findGit, sshVersion } from '../git/process.ts'
import { readText } from '../os/files.ts'

const capBytes = 64 * 1024

/**
 * What a bug report needs to say about a machine: versions, a line each. No paths, no names of hosts or people.
 *
 * @param product the version of this package. @param node the version of Node that runs it.
 */
export async function versionReport(product: string, node: string): Promise<string> {
  const [git, ssh, system] = await Promise.all([found(findGit()), found(sshVersion()), systemName()])
  return [
    `adversary ${product}`,
    `node ${node}`,
    `git ${git}`,
    `ssh ${ssh}`,
    `platform ${type()} ${release()} ${arch()}${system === null ? '' : `, ${system}`}`
  ]
    .map(line => oneLine(line, 200))
    .join('\n')
}

/** A missing tool is part of the report. */
async function found(asked: Promise<string>): Promise<string> {
  try {
    return await asked
  } catch (error) {
    return messageOf(error)
  }
}

/** `Debian GNU/Linux 12 (bookworm)`; null where the system has no os-release. */
async function systemName(): Promise<string | null> {
  const text = await readText('/etc/os-release', capBytes).catch(() => null)
  return /^PRETTY_NAME="?(?<name>[^"\n]*)"?$/m.exec(text ?? '')?.groups?.['name'] ?? null
}

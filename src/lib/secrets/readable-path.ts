import { endsLikeSecret, isWithheld } from './secret-file.ts'

/** Folders of devices, kernel state and credentials; a read there may hang, act, or show a secret. */
const forbidden =
  /^\/(?:proc|dev|sys|run\/(?:secrets|credentials|keys|agenix)|root\/\.(?:ssh|gnupg)|etc\/(?:g?shadow|ssh|ssl\/private)|var\/lib\/(?:docker|systemd\/credential))/

/**
 * The path in its shortest form, if something may be asked about it: absolute, without steps upwards out of
 * what it names, no device, nothing that ends like a secret. Otherwise null.
 */
export function readablePath(path: string): string | null {
  if (!path.startsWith('/') || path.length > 500 || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}*?]/u.test(path)) return null
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  const normal = `/${parts.join('/')}`
  return forbidden.test(normal) || endsLikeSecret(normal) ? null : normal
}

/** Whether the content of a file may be read: it is named as a program, and not as a secret. Of others only the times are. */
export function isReadProgram(path: string): boolean {
  return readablePath(path) === path && !isWithheld(path)
}

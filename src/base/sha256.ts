import { createHash } from 'node:crypto';

/** The SHA-256 of bytes, or of text as UTF-8, as 64 hexadecimal digits. */
export const sha256Hex = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

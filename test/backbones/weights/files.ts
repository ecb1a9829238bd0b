import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { crc32 } from 'node:zlib';
import { InputError } from '../../../src/base/errors.js';
import { createRandom, type Random } from '../../../src/base/random.js';

/** A committed file, made by fixtures/make_fixtures.py. */
export function fixture(name: string): string {
  return join(process.cwd(), 'test/backbones/weights/fixtures', name);
}

/** A folder that is gone when the tests of this file are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'eyeball-weights-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Fails unless `work` is refused with exactly `text`, as an InputError of one line. */
export async function expectRefused(work: () => Promise<unknown>, text: string): Promise<void> {
  await assert.rejects(work, error => {
    assert.ok(error instanceof InputError, String(error));
    assert.equal(error.message, text);
    assert.ok(!text.includes('\n'));
    return true;
  });
}

/** Reads `count` random mutations of `bytes`: each must be read or refused as one line about the file, within a second. */
export async function expectFuzzProof(
  bytes: Uint8Array,
  count: number,
  read: (path: string) => Promise<unknown>,
): Promise<{ read: number; refused: number }> {
  const path = join(temporaryFolder(), 'mutated');
  const random = createRandom(1);
  const outcomes = { read: 0, refused: 0 };
  for (let i = 0; i < count; i++) {
    writeFileSync(path, mutate(bytes, random));
    try {
      await read(path);
      outcomes.read++;
    } catch (error) {
      assert.ok(error instanceof InputError, `mutation ${i}: ${error instanceof Error ? error.stack : error}`);
      assert.match(error.message, /^.*mutated: expected .*, got .*$/, `mutation ${i}`);
      outcomes.refused++;
    }
  }
  return outcomes;
}

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.integer(bytes.length);
  const kind = random.integer(8);
  if (kind === 0) return bytes.subarray(0, at);
  if (kind === 1) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.integer(bytes.length))]);
  const out = Uint8Array.from(bytes);
  const changes = 1 + random.integer(3);
  for (let i = 0; i < changes; i++)
    out[random.integer(out.length)] = [0, 1, 0x7f, 0xff, random.integer(256)][random.integer(5)]!;
  return out;
}

/** An entry that is deflated already, and the size that it claims to inflate to. */
export interface Deflated {
  readonly deflated: Uint8Array;
  readonly claimedBytes: number;
}

/** A zip file; `count` is what it claims to hold. Entries with the same array have it once in the file: they overlap. */
export function zipOf(
  entries: Readonly<Record<string, Uint8Array | Deflated>>,
  count = Object.keys(entries).length,
): Uint8Array {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  const written = new Map<Uint8Array, { readonly at: number; readonly checksum: number }>();
  let position = 0;
  for (const [name, entry] of Object.entries(entries)) {
    const data = 'deflated' in entry ? entry.deflated : entry;
    const { at, checksum } = written.get(data) ?? { at: position, checksum: crc32(data) };
    const header = Buffer.alloc(26);
    header.writeUInt16LE('deflated' in entry ? 8 : 0, 4);
    header.writeUInt32LE(checksum, 10);
    header.writeUInt32LE(data.length, 14);
    header.writeUInt32LE('deflated' in entry ? entry.claimedBytes : data.length, 18);
    header.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\0\0'), header, place, Buffer.from(name));
    if (written.has(data)) continue;
    written.set(data, { at, checksum });
    files.push(Buffer.from('PK\x03\x04'), header, Buffer.from(name), Buffer.from(data));
    position += 4 + header.length + name.length + data.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...files, list, end]);
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { jpegOrientation } from '../../src/images/jpeg-header.js';

const small = () => sharp({ create: { width: 20, height: 10, channels: 3, background: '#abc' } }).jpeg();

describe('the orientation of a JPEG', () => {
  it('is what its EXIF says, and 1 without', async () => {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const bytes = await small().withMetadata({ orientation }).toBuffer();
      assert.equal(jpegOrientation(bytes), orientation);
    }
    assert.equal(jpegOrientation(await small().toBuffer()), 1);
  });

  it('is 1 if the EXIF is truncated or damaged at any byte', async () => {
    const bytes = await small().withMetadata({ orientation: 6 }).toBuffer();
    for (let length = 0; length < 200; length++) {
      const cut = jpegOrientation(bytes.subarray(0, length));
      assert.ok(cut === 1 || cut === 6);
      const damaged = Uint8Array.from(bytes);
      damaged[length]! ^= 0xff;
      const read = jpegOrientation(damaged);
      assert.ok(read >= 1 && read <= 8);
    }
  });
});

import { existsSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DiskSpace } from '../../engine/log/disk-space.js';
import { tempDir } from './log-fixture.js';

const MiB = 1024 * 1024;

/** A disk whose free space is `other` minus what the ballast takes. */
function setup(t: Parameters<typeof tempDir>[0], { freeBytesMin = 100 * MiB } = {}) {
  const dir = tempDir(t);
  const ballastPath = join(dir, 'ballast-0');
  const ballast = () => (existsSync(ballastPath) ? statSync(ballastPath).size : 0);
  const disk = { otherFree: 1_000 * MiB };
  const options = {
    dir,
    ballastPath,
    ballastBytes: 10 * MiB,
    freeBytesMin,
    freeBytesOf: () => disk.otherFree - ballast(),
  };
  const space = new DiskSpace(options);
  const look = (times: number) => {
    for (let count = 0; count < times; count++) space.look();
    return space.level;
  };
  return { disk, space, look, ballast, options };
}

t.test('the ballast grows a little at each look and is then left alone', (t) => {
  const { look, ballast, options } = setup(t);
  t.equal(look(1), 'ok');
  t.equal(ballast(), 4 * MiB);
  t.equal(look(5), 'ok');
  t.equal(ballast(), 10 * MiB);
  new DiskSpace(options).look();
  t.equal(ballast(), 10 * MiB, 'also after a restart');
  truncateSync(options.ballastPath, 16 * MiB);
  new DiskSpace(options).look();
  t.equal(ballast(), 10 * MiB, 'also when a proof of room was cut off by a crash');
  t.end();
});

t.test('below the watermark the ballast is given back and new work is refused', (t) => {
  const { disk, look, ballast, space } = setup(t);
  look(5);
  disk.otherFree = 105 * MiB;
  t.equal(space.look(), true);
  t.equal(space.level, 'refuse');
  t.equal(ballast(), 0);
  t.equal(space.look(), false, 'the space of the ballast itself brings nothing back');
  t.equal(space.level, 'refuse');
  t.end();
});

t.test('when that is used up nothing may start, and when there is room all goes on by itself', (t) => {
  const { disk, look, ballast } = setup(t);
  look(5);
  disk.otherFree = 60 * MiB;
  t.equal(look(1), 'refuse');
  disk.otherFree = 49 * MiB;
  t.equal(look(1), 'stop');
  disk.otherFree = 51 * MiB;
  t.equal(look(1), 'refuse');
  disk.otherFree = 109 * MiB;
  t.equal(look(3), 'refuse', 'not enough for watermark and ballast');
  t.equal(ballast(), 0);
  disk.otherFree = 111 * MiB;
  t.equal(look(2), 'refuse', 'the ballast comes first');
  t.equal(look(1), 'ok');
  t.equal(ballast(), 10 * MiB);
  t.end();
});

t.test('a commit that met a full disk counts, whatever the file system says', (t) => {
  const { disk, look, ballast, space } = setup(t);
  look(5);
  t.equal(space.full(), true);
  t.equal(space.level, 'refuse');
  t.equal(ballast(), 0);
  t.equal(space.full(), true);
  t.equal(space.level, 'stop');
  t.equal(space.full(), false);
  t.equal(look(30), 'stop', 'it said so all the time');
  t.equal(ballast(), 0);
  t.equal(look(4), 'stop');
  t.equal(ballast(), 16 * MiB, 'room is proved');
  t.equal(look(1), 'ok');
  t.equal(ballast(), 10 * MiB);
  t.equal(look(1), 'ok');
  t.equal(space.full(), true);
  t.equal(space.level, 'refuse');
  disk.otherFree += 10 * MiB;
  t.equal(look(4), 'refuse');
  t.equal(look(1), 'ok', 'there is more than there was: no need to wait');
  look(1);
  t.equal(ballast(), 10 * MiB);
  t.end();
});

t.test('the room of a ballast that was given back is left to outcomes and cancels', (t) => {
  const { disk, look, ballast, space } = setup(t, { freeBytesMin: 0 });
  look(5);
  disk.otherFree = 10 * MiB;
  t.equal(look(1), 'ok', 'all of it is used up, no commit has noticed');
  t.equal(space.full(), true);
  t.equal(look(100), 'refuse');
  t.equal(ballast(), 0);
  disk.otherFree = 0;
  t.equal(space.full(), true);
  t.equal(look(100), 'stop');
  disk.otherFree = 10 * MiB;
  t.equal(look(1), 'refuse', 'outcomes fit again');
  disk.otherFree = 20 * MiB;
  t.equal(look(5), 'ok');
  t.equal(ballast(), 10 * MiB);
  t.end();
});

t.test('what is free is told at first and whenever it has moved, though the level stays', (t) => {
  const { disk, look, space } = setup(t);
  t.equal(look(5), 'ok');
  t.equal(space.hasMoved, true);
  t.equal(space.tellFreeBytes(), 990 * MiB);
  t.equal(space.hasMoved, false);
  disk.otherFree -= 10 * MiB;
  look(1);
  t.equal(space.hasMoved, false, 'too little');
  disk.otherFree -= 10 * MiB;
  look(1);
  t.equal(space.hasMoved, true, 'with what came before it is enough');
  t.equal(space.tellFreeBytes(), 970 * MiB);
  disk.otherFree += 500 * MiB;
  t.equal(look(1), 'ok');
  t.equal(space.hasMoved, true, 'more counts too');
  t.end();
});

import t from 'tap';
import { readReplySubject } from '../../../gateway/ingest/reply-subject.js';

t.test('an answer goes to an inbox or a subject of the producer', async (t) => {
  for (const subject of ['_INBOX.abc.1', 'orders.answers', 'escapements.x']) t.equal(readReplySubject(subject), subject);
});

t.test('it goes to nothing of the server or of ours, and to nothing that is no subject', async (t) => {
  const wrong = [
    null,
    '',
    '$JS.API.STREAM.DELETE.X',
    '$SYS.x',
    'escapement',
    'escapement.ingest',
    'a.*',
    'a.>',
    'a b',
    'a..b',
    '.a',
  ];
  for (const subject of [...wrong, 'a\r\nb', 'x'.repeat(256)]) t.equal(readReplySubject(subject), null, String(subject));
});

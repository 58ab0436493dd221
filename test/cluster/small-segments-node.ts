/** The program as it ships, but a few events fill a segment: `SEGMENT_KIB`. What is sealed goes out of the journal into bases. */
import { main } from '../../gateway/main.js';

const segmentBytesMax = Number(process.env['SEGMENT_KIB']) * 1024;

void main({ argv: process.argv.slice(2), engine: { log: { segmentBytesMax } } });

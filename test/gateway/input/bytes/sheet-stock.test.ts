import t from 'tap';
import { SheetStock } from '../../../../gateway/input/bytes/sheet-stock.js';
import { specOf } from '../../../event/specs.js';

t.test('a sheet that was given back is taken again, empty; nobody gets one that somebody has', async (t) => {
  const stock = new SheetStock();
  const one = stock.take();
  one.add(specOf(), true);
  t.not(stock.take(), one);
  stock.giveBack(one);
  const again = stock.take();
  t.equal(again, one);
  t.equal(again.count, 0);
  t.not(stock.take(), one);
});

t.test('it keeps a few and no more', async (t) => {
  const stock = new SheetStock();
  const sheets = Array.from({ length: 20 }, () => stock.take());
  for (const sheet of sheets) stock.giveBack(sheet);
  const kept = Array.from({ length: 20 }, () => stock.take()).filter((sheet) => sheets.includes(sheet));
  t.equal(kept.length, 8);
});

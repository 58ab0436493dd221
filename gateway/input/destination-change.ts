/** The body of `PATCH /destinations/{origin}`. `null` sets a field back to its default; what is left out stays as it is. */
import { type DestinationChange, originConcurrencyMax } from '../../engine/index.js';
import { originRateMax, originRateMin, originSecretCharsMax } from '../limits.js';
import { Form, type Sent } from '../form.js';
import { encodingOf } from './bytes/body-text.js';
import { locateEvent, repeatedKey } from './bytes/event-span.js';
import { JsonSyntaxError } from './bytes/json-scan.js';
import { type Refusal, refuse, refuseFields } from './refusal.js';

const concurrencyText = `an integer from 1 to ${originConcurrencyMax}, or null for the default`;
const rateText = `a number from ${originRateMin} to ${originRateMax}, or null for none`;
const secretText = 'one or several secrets of the form whsec_<base64>, separated by commas, or null for the global one';

export const destinationChangeForm = new Form((Type) =>
  Type.Object(
    {
      paused: Type.Optional(Type.Boolean({ description: 'true or false' })),
      concurrency: Type.Optional(
        Type.Union([Type.Integer({ minimum: 1, maximum: originConcurrencyMax }), Type.Null()], { description: concurrencyText }),
      ),
      rate_per_second: Type.Optional(
        Type.Union([Type.Number({ minimum: originRateMin, maximum: originRateMax }), Type.Null()], { description: rateText }),
      ),
      breaker: Type.Optional(Type.Literal('closed', { description: '"closed", which resets it' })),
      secret: Type.Optional(
        Type.Union([Type.String({ minLength: 1, maxLength: originSecretCharsMax }), Type.Null()], { description: secretText }),
      ),
    },
    { additionalProperties: false, description: 'an object with paused, concurrency, rate_per_second, breaker, secret' },
  ),
);

type Fields = Sent<typeof destinationChangeForm>;

export function readDestinationChange(body: Buffer): DestinationChange | Refusal {
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') return encoding;
  try {
    const span = locateEvent(body);
    const fields = JSON.parse(body.toString(encoding)) as object;
    if (span.members !== -1 && Object.keys(fields).length !== span.members)
      return refuse('malformed-json', `the key ${JSON.stringify(repeatedKey(body, span))} is given twice`);
    return destinationChangeForm.fits(fields) ? changeOf(fields) : refuseForm(fields);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return refuse('malformed-json', `the body is not JSON: ${error.message}`);
    throw error;
  }
}

function changeOf({ paused, concurrency, rate_per_second: ratePerSecond, breaker, secret }: Fields): DestinationChange {
  return {
    ...(paused !== undefined && { paused }),
    ...(concurrency !== undefined && { concurrency }),
    ...(ratePerSecond !== undefined && { ratePerSecond }),
    ...(secret !== undefined && { secret }),
    ...(breaker !== undefined && { closeBreaker: true }),
  };
}

/** One error a field; the value, which may be a secret, is not repeated. */
function refuseForm(fields: object): Refusal {
  const errors = new Map<string, string>();
  const { properties, description } = destinationChangeForm.schema;
  for (const { path } of destinationChangeForm.errors(fields)) {
    const name = path.slice(1) as keyof typeof properties;
    const detail =
      path === ''
        ? `must be ${description}`
        : name in properties
          ? `must be ${properties[name].description}`
          : 'is not a known field';
    if (!errors.has(path)) errors.set(path, detail);
  }
  return refuseFields([...errors].map(([pointer, detail]) => ({ pointer, detail })));
}

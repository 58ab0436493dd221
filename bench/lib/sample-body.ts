/** What benches schedule: about 290 bytes as JSON, an event as a payments team would send it. */
export interface SampleFields {
  readonly destination?: string;
  readonly scheduled_at?: string;
  readonly delay_ms?: number;
  readonly external_job_id?: string;
}

export function sampleEvent(fields: SampleFields) {
  return {
    destination: 'http://127.0.0.1:9/hooks/payment-retry',
    source: 'payments',
    type: 'payment.retry',
    tags: { region: 'eu', tier: 'gold' },
    payload: { order_id: 'order-1234567', amount_cents: 12_345, currency: 'EUR', attempt: 3, note: 'x'.repeat(60) },
    ...fields,
  };
}

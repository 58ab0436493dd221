/** The only door to the gateway. */
export { type Gateway, type GatewayOptions, startGateway } from './gateway.js';

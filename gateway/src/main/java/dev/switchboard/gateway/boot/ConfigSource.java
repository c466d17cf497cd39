package dev.switchboard.gateway.boot;

/** Where the configuration is read from. */
@FunctionalInterface
interface ConfigSource {
  /**
   * Reads it anew.
   *
   * @throws IllegalArgumentException when it is not valid
   */
  GatewayConfig read();

  /** Where the one that was read last has its values from. */
  default ConfigOrigins origins() {
    return ConfigOrigins.NONE;
  }
}

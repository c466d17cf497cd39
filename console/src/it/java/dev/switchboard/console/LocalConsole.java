package dev.switchboard.console;

import dev.switchboard.console.api.FakeGateway;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;

/**
 * A console in this process before a gateway that always answers the same, for what a browser is
 * needed for and no engine. There may be one at a time.
 */
final class LocalConsole implements AutoCloseable {
  private final FakeGateway gateway;
  private final Console console;

  private LocalConsole(FakeGateway gateway, Console console) {
    this.gateway = gateway;
    this.console = console;
  }

  /**
   * Starts both.
   *
   * @param idle after which a session ends
   */
  static LocalConsole start(Path folder, Duration idle) throws IOException {
    return start(new FakeGateway(), folder, idle);
  }

  /** The console before a gateway that may have been told what to say. */
  static LocalConsole start(FakeGateway gateway, Path folder, Duration idle) throws IOException {
    Settings settings =
        new Settings(
            "127.0.0.1",
            0,
            List.of(gateway.address()),
            FakeGateway.KEYS,
            folder.resolve("state"),
            Set.of(),
            false,
            null,
            null,
            idle,
            null,
            null);
    return new LocalConsole(gateway, Console.start(settings));
  }

  FakeGateway gateway() {
    return gateway;
  }

  String url() {
    return console.url();
  }

  String firstRunUrl() {
    return JsonMapper.shared().readTree(console.readyLine()).path("first_run_url").asString("");
  }

  @Override
  public void close() {
    console.close();
    gateway.close();
  }
}

package dev.switchboard.gateway.boot;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** One gateway before one server that answers every request, for all tests of a class. */
final class AnsweringGateway implements BeforeAllCallback, AfterAllCallback {
  private final String yaml;
  private @Nullable FakeUpstream upstream;
  private @Nullable InProcessGateway gateway;

  AnsweringGateway(String yaml) {
    this.yaml = yaml;
  }

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    FakeUpstream answering = new FakeUpstream();
    upstream = answering;
    answering.script((request, body) -> request.response().end("{\"choices\":[]}"));
    gateway = InProcessGateway.before(yaml, answering);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    if (gateway != null) {
      gateway.close();
    }
    upstream().close();
  }

  InProcessGateway gateway() {
    return Objects.requireNonNull(gateway, "not started");
  }

  FakeUpstream upstream() {
    return Objects.requireNonNull(upstream, "not started");
  }
}

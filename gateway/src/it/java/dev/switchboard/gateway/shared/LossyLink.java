package dev.switchboard.gateway.shared;

import java.io.IOException;
import java.net.URI;

/** Stands between a gateway and its Valkey and loses what the one or the other says. */
final class LossyLink extends TestLink {
  private volatile boolean losesQuestions;
  private volatile boolean losesAnswers;

  LossyLink(String server) throws IOException {
    super(URI.create(server));
    open();
  }

  String url() {
    return "redis://127.0.0.1:" + port();
  }

  void losesQuestions(boolean value) {
    losesQuestions = value;
  }

  void losesAnswers(boolean value) {
    losesAnswers = value;
  }

  @Override
  protected boolean passes(boolean answers) {
    return !(answers ? losesAnswers : losesQuestions);
  }
}

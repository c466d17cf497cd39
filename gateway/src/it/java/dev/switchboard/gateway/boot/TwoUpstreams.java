package dev.switchboard.gateway.boot;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Tests of a gateway before one or two upstreams, which each test scripts for itself. */
abstract class TwoUpstreams {
  FakeUpstream first;
  FakeUpstream second;

  @BeforeEach
  void start() throws Exception {
    first = new FakeUpstream();
    second = new FakeUpstream();
  }

  @AfterEach
  void stop() throws Exception {
    first.close();
    second.close();
  }
}

package dev.switchboard.scheduler;

import dev.switchboard.timeline.RequestTimeline;

/** Listens to nothing; what extends it, to what it overrides. */
public class DeafListener implements GenerationListener {
  @Override
  public void promptLogprobs(TokenLogprobs[] logprobs) {}

  @Override
  public void token(TokenEvent token) {}

  @Override
  public void finished(FinishReason reason, RequestTimeline timeline) {}

  @Override
  public void failed(EngineFailure failure, RequestTimeline timeline) {}
}

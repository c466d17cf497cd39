package dev.switchboard.gateway.shared;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.shared.SharedLease.State;
import java.util.List;
import org.junit.jupiter.api.Test;

class SharedLeasesTest {
  private final SharedLeases tickets = new SharedLeases();

  private SharedLease held() {
    SharedLease ticket = tickets.draw("t", true, 1);
    tickets.admitted(ticket);
    assertFalse(tickets.answered(ticket, true));
    return ticket;
  }

  private static List<Long> numbers(List<SharedLeases.End> ends) {
    return ends.stream().map(end -> end.ticket().number).toList();
  }

  @Test
  void whatIsOverIsToldUntilItWasHeard() {
    SharedLease ticket = held();
    assertTrue(tickets.end(ticket, 5, true, false));

    List<SharedLeases.End> lost = tickets.toTell("t", 9, false);
    assertEquals(List.of(), tickets.toTell("t", 9, false));
    tickets.told(lost, false);
    List<SharedLeases.End> again = tickets.toTell("t", 9, false);
    tickets.told(again, true);

    assertEquals(List.of(ticket.number), numbers(again));
    assertEquals(List.of(), tickets.toTell("t", 9, true));
  }

  @Test
  void theEndDoesNotOvertakeTheEntry() {
    SharedLease ticket = tickets.draw("t", true, 1);

    assertFalse(tickets.end(ticket, 0, false, false));
    assertEquals(List.of(), tickets.toTell("t", 9, true));

    assertTrue(tickets.answered(ticket, true));
    assertEquals(List.of(ticket.number), numbers(tickets.toTell("t", 9, false)));
  }

  @Test
  void whatTheServerNeverHeldIsChargedAsAWholeOnce() {
    SharedLease ticket = tickets.draw("t", false, 1);
    assertTrue(tickets.end(ticket, 5, true, false));

    List<SharedLeases.End> first = tickets.toTell("t", 9, false);
    tickets.told(first, false);
    List<SharedLeases.End> second = tickets.toTell("t", 9, false);

    assertEquals(
        List.of(true, false), List.of(first.getFirst().whole(), second.getFirst().whole()));
  }

  @Test
  void whatItHeldIsNotChargedAsAWhole() {
    tickets.end(held(), 5, true, false);

    assertFalse(tickets.toTell("t", 9, false).getFirst().whole());
  }

  @Test
  void aRequestThatBeganAndEndedInAnOutageIsForgotten() {
    assertFalse(tickets.end(tickets.draw("t", false, 1), 5, true, true));
    SharedLease before = held();
    assertTrue(tickets.end(before, 5, true, true));

    assertEquals(List.of(before.number), tickets.roll("t").waiting());
  }

  @Test
  void aRefusalThatCameTooLateLeavesARequestThatRuns() {
    SharedLease ticket = tickets.draw("t", true, 1);

    tickets.answered(ticket, false);

    assertEquals(State.LOOSE, ticket.state);
    assertEquals(List.of(new SharedLeases.Running(ticket.number, 1)), tickets.roll("t").running());
  }

  @Test
  void theRollTellsRunningFromWhatIsAboutToChange() {
    SharedLease asked = tickets.draw("t", true, 1);
    SharedLease running = held();
    SharedLease over = held();
    tickets.end(over, 1, true, false);
    SharedLease elsewhere = tickets.draw("u", true, 1);

    SharedLeases.Roll roll = tickets.roll("t");

    assertEquals(
        new SharedLeases.Roll(
            over.number,
            List.of(new SharedLeases.Running(running.number, 1)),
            List.of(asked.number, over.number)),
        roll);
    assertEquals(List.of(elsewhere.number), tickets.roll("u").waiting());
  }

  @Test
  void anEntryTellsTheEndsThatMayNotHaveArrived() {
    SharedLease told = held();
    SharedLease untold = held();
    tickets.end(told, 1, true, false);
    tickets.toTell("t", 9, false);
    tickets.end(untold, 2, true, false);
    tickets.end(tickets.draw("t", false, 1), 3, true, false);

    assertEquals(List.of(told, untold), tickets.over("t", 9));
  }

  @Test
  void aTenantIsForgottenWhenTheServerHeardThatItHasNothing() {
    SharedLease ticket = held();
    tickets.end(ticket, 1, true, false);
    SharedLeases.Roll before = tickets.roll("t");
    tickets.told(tickets.toTell("t", 9, false), true);

    tickets.renewed("t", before);
    assertEquals(List.of("t"), tickets.tenants());
    SharedLeases.Roll empty = tickets.roll("t");
    tickets.refused(tickets.draw("t", true, 1));
    tickets.renewed("t", empty);
    assertEquals(List.of("t"), tickets.tenants());
    tickets.renewed("t", tickets.roll("t"));

    assertEquals(List.of(), tickets.tenants());
  }
}

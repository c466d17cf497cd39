package dev.switchboard.gateway.shared;

import dev.switchboard.gateway.shared.SharedLease.State;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The requests of this gateway under shared limits, of which it tells the server again and again.
 * Numbers rise, so whoever knows the last one given at some moment knows which requests came later.
 * Safe on any thread.
 */
final class SharedLeases {
  private final Map<String, Book> books = new HashMap<>();
  private long last;

  /** The requests of a tenant. */
  private static final class Book {
    final Map<Long, SharedLease> inside = new LinkedHashMap<>();

    /** Those that are over and whose entry was answered. */
    final Map<Long, SharedLease> over = new LinkedHashMap<>();

    long last;
  }

  /**
   * A tenant's requests at one moment.
   *
   * @param upTo the last number given until then
   * @param running they have their places
   * @param waiting what the server knows of them is about to change
   */
  record Roll(long upTo, List<Running> running, List<Long> waiting) {}

  /**
   * A request that has its places.
   *
   * @param places how many requests at once it counts for
   */
  record Running(long number, int places) {}

  /**
   * What the server is to hear of a request that is over.
   *
   * @param whole all of its tokens are charged if the server does not hold it; said once only
   */
  record End(SharedLease ticket, boolean whole) {}

  /**
   * A request comes in.
   *
   * @param asks whether the server is asked to let it in
   * @param places how many requests at once it counts for
   */
  synchronized SharedLease draw(String tenant, boolean asks, int places) {
    Book book = books.computeIfAbsent(tenant, first -> new Book());
    book.last = ++last;
    SharedLease ticket = new SharedLease(tenant, last, places, asks ? State.ASKED : State.LOOSE);
    book.inside.put(last, ticket);
    return ticket;
  }

  /** The request heard in time that it may go on. */
  synchronized void admitted(SharedLease ticket) {
    ticket.counted = true;
  }

  /** The request heard in time that it may not. */
  synchronized void refused(SharedLease ticket) {
    forget(ticket);
  }

  /**
   * The server answered, in time or not, or will not any more.
   *
   * @param holds whether it said that it lets the request in
   * @return whether there is something to tell it now
   */
  synchronized boolean answered(SharedLease ticket, boolean holds) {
    switch (ticket.state) {
      case ASKED -> ticket.state = holds ? State.HELD : State.LOOSE;
      case LEFT -> {
        over(ticket);
        return true;
      }
      case LOOSE, HELD, ENDED, TOLD -> {}
    }
    return false;
  }

  /**
   * The request is over.
   *
   * @param away whether the server does not answer now: what it never held it need not hear of then
   * @return whether there is something to tell it now
   */
  synchronized boolean end(SharedLease ticket, long used, boolean served, boolean away) {
    ticket.used = used;
    ticket.served = served;
    switch (ticket.state) {
      case ASKED -> ticket.state = State.LEFT;
      case HELD -> over(ticket);
      case LOOSE -> {
        if (away) {
          forget(ticket);
        } else {
          over(ticket);
        }
      }
      case LEFT, ENDED, TOLD -> {}
    }
    return ticket.state == State.ENDED;
  }

  private void over(SharedLease ticket) {
    Book book = books.get(ticket.tenant);
    ticket.state = State.ENDED;
    if (book != null && book.inside.remove(ticket.number) != null) {
      book.over.put(ticket.number, ticket);
    }
  }

  /**
   * Takes those of a tenant whose end the server is to hear; answer with {@link #told}.
   *
   * @param again those as well of which it was told and has not answered
   */
  synchronized List<End> toTell(String tenant, int most, boolean again) {
    List<End> found = new ArrayList<>();
    Book book = books.get(tenant);
    for (SharedLease ticket : book == null ? List.<SharedLease>of() : book.over.values()) {
      if (found.size() < most && (again || ticket.state == State.ENDED)) {
        found.add(new End(ticket, !ticket.counted && !ticket.charged));
        ticket.state = State.TOLD;
        ticket.charged = true;
      }
    }
    return found;
  }

  /** The server heard of these ends, or may not have. */
  synchronized void told(List<End> ends, boolean heard) {
    for (End end : ends) {
      if (heard) {
        forget(end.ticket());
      } else {
        end.ticket().state = State.ENDED;
      }
    }
  }

  /** Those that it let in and that are over, though it may not have heard of that. */
  synchronized List<SharedLease> over(String tenant, int most) {
    Book book = books.get(tenant);
    return book == null
        ? List.of()
        : book.over.values().stream().filter(ticket -> ticket.counted).limit(most).toList();
  }

  synchronized Roll roll(String tenant) {
    List<Running> running = new ArrayList<>();
    List<Long> waiting = new ArrayList<>();
    Book book = books.get(tenant);
    if (book == null) {
      return new Roll(last, running, waiting);
    }
    for (SharedLease ticket : book.inside.values()) {
      if (ticket.runs()) {
        running.add(new Running(ticket.number, ticket.places));
      } else {
        waiting.add(ticket.number);
      }
    }
    waiting.addAll(book.over.keySet());
    return new Roll(book.last, running, waiting);
  }

  /** Tenants that have requests, or had since the server was told of all that they have. */
  synchronized List<String> tenants() {
    return List.copyOf(books.keySet());
  }

  /** The server was told of all: a tenant that had nothing then, nor since, is forgotten. */
  synchronized void renewed(String tenant, Roll roll) {
    Book book = books.get(tenant);
    if (book != null
        && book.last == roll.upTo()
        && book.inside.isEmpty()
        && book.over.isEmpty()
        && roll.running().isEmpty()
        && roll.waiting().isEmpty()) {
      books.remove(tenant);
    }
  }

  private void forget(SharedLease ticket) {
    Book book = books.get(ticket.tenant);
    if (book != null) {
      book.inside.remove(ticket.number);
      book.over.remove(ticket.number);
    }
  }
}

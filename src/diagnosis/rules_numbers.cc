// What the printed numbers say. Sizes are rounded to two decimals in the message, so equalities
// have one percent of tolerance.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diagnosis/rules.h"

namespace vramcast::diagnosis {
namespace {

using namespace literals;

// The driver refuses up to this much above the request: segments are rounded to 2 MiB (20 MiB for
// requests below 10 MiB) and some drivers keep their last pages.
constexpr Bytes kRefusalMargin = 128_MiB;

double Share(Bytes part, Bytes whole) {
  return whole.count() > 0 ? static_cast<double>(part.count()) / whole.count() : 0;
}

int Percent(Bytes part, Bytes whole) {
  return static_cast<int>(std::lround(100 * Share(part, whole)));
}

// How much more memory would have been enough: 0 where the driver refused although it had just
// enough. Nothing where it had plenty, or where the message does not tell.
std::optional<Bytes> Missing(const Figures& f) {
  if (f.short_by) {
    return *f.short_by > -kRefusalMargin ? std::optional(std::max(*f.short_by, Bytes()))
                                         : std::nullopt;
  }
  if (f.total && f.free && Share(*f.free, *f.total) < 0.02) {
    return Bytes();
  }
  return std::nullopt;
}

bool Backward(const Case& c) { return c.event->in_backward; }

Evidence Computed(std::string text) { return {std::move(text), "computed"}; }

// A limit that this process was given is what stopped it if the request would have passed it.
void Cap(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (!f.allowed) {
    return;
  }
  const Bytes held = f.pool.value_or(Bytes());
  const bool card_had_room = f.short_by && *f.short_by <= Bytes();
  // Where the message was cut before the cache is named, `held` is only what is allocated.
  const Bytes unseen = f.unallocated ? *f.allowed / 100 : *f.allowed / 10;
  if (f.requested && held + *f.requested >= *f.allowed - unseen) {
    ballot.Add(
        Cause::kSoftwareCap, card_had_room ? kDecisive : kClear,
        {Computed(fmt::format(
            "this process may hold {}; it held {} and asked for {} more{}", FormatBytes(*f.allowed),
            FormatBytes(held), FormatBytes(*f.requested),
            card_had_room ? fmt::format(", while {} of the card was free", FormatBytes(*f.free))
                          : ""))});
  } else if (Share(held, *f.allowed) < 0.9) {
    ballot.Add(Cause::kSoftwareCap, -kClear);
  }
}

// The driver said no although it reported much more free memory than was asked for.
void RefusedWithRoom(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (!f.requested || !f.free || *f.free < *f.requested + *f.requested / 10 + kRefusalMargin) {
    return;
  }
  ballot.Add(Cause::kCapacity, -kStrong);
  if (!f.allowed) {
    ballot.Add(Cause::kSettingOrDriverFault, kStrong,
               {Computed(fmt::format("{} was refused although {} of the card was free",
                                     FormatBytes(*f.requested), FormatBytes(*f.free)))});
    // The free memory is read after the refusal: a neighbour may have left in between.
    ballot.Add(Cause::kOtherProcess, kHint / 2);
  }
}

void RequestAgainstCard(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (!f.requested || !c.one_request_is_one_tensor) {
    return;
  }
  const Bytes request = *f.requested;
  if (f.total) {
    if (request >= *f.total) {
      ballot.Add(Cause::kRequestTooLarge, kDecisive,
                 {Computed(fmt::format("one request of {} is more than the whole card ({})",
                                       FormatBytes(request), FormatBytes(*f.total)))});
    } else if (Share(request, *f.total) >= 0.7 && !Backward(c)) {
      ballot.Add(Cause::kRequestTooLarge, kStrong,
                 {Computed(fmt::format("one request of {} is {} % of the card",
                                       FormatBytes(request), Percent(request, *f.total)))});
    }
    return;
  }
  // Larger than any GPU (288 GB in 2025).
  if (request > 300_GiB) {
    ballot.Add(
        Cause::kRequestTooLarge, kDecisive,
        {Computed(fmt::format("one request of {}: no GPU has that much", FormatBytes(request)))});
  }
}

// A tensor as large as everything that exists so far is a second copy of it. In a backward pass
// that is the ordinary gradient.
void CopyOfEverything(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (!f.requested || !f.allocated || !f.total || Share(*f.requested, *f.total) < 0.2) {
    return;
  }
  const double copies = Share(*f.allocated, *f.requested);
  const double whole = std::round(copies);
  if (whole < 1 || whole > 3 || std::abs(copies - whole) > 0.005 * whole) {
    return;
  }
  if (Backward(c)) {
    ballot.Add(Cause::kCapacity, kHint,
               {Computed(fmt::format("the gradient ({}) is as large as the tensor it belongs to",
                                     FormatBytes(*f.requested)))});
    return;
  }
  ballot.Add(Cause::kRequestTooLarge, kStrong,
             {Computed(fmt::format("the request ({}) is {} ({})", FormatBytes(*f.requested),
                                   whole == 1 ? "as large as all that is allocated: a second copy"
                                              : "an exact fraction of all that is allocated: "
                                                "the program is a few buffers of this size",
                                   FormatBytes(*f.allocated)))});
}

// Only the request is known (PyTorch 2.3.0 prints no more for device 0, and people cut).
void RequestAlone(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (!f.requested || f.total || f.allocated || f.watermark || !c.one_request_is_one_tensor) {
    return;
  }
  const bool ordinary = Backward(c) || c.loading_weights;
  if (*f.requested >= 2_GiB && !ordinary) {
    ballot.Add(Cause::kRequestTooLarge, 1.5 * kHint,
               {Computed(fmt::format("one tensor of {}; nothing else is printed",
                                     FormatBytes(*f.requested)))});
  }
}

void ListedNeighbours(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  const std::optional<Bytes> missing = Missing(f);
  if (!f.total || f.neighbours_sum <= Bytes() || !missing) {
    return;
  }
  const double share = Share(f.neighbours_sum, *f.total);
  if (*missing > f.neighbours_sum || share < 0.05) {
    return;  // without them it would not have fitted either, or they hold little more than a
             // context
  }
  const auto largest = std::max_element(
      f.neighbours.begin(), f.neighbours.end(), [](const Neighbour& a, const Neighbour& b) {
        return a.bytes.value_or(Bytes()) < b.bytes.value_or(Bytes());
      });
  ballot.Add(Cause::kOtherProcess, share >= 0.1 ? kStrong + kStrong * share : kHint,
             {Computed(fmt::format(
                 "{} other process{} hold{} {} ({} % of the card; most: process {} with {}), and "
                 "{} was missing",
                 f.neighbours.size(), f.neighbours.size() == 1 ? "" : "es",
                 f.neighbours.size() == 1 ? "s" : "", FormatBytes(f.neighbours_sum),
                 Percent(f.neighbours_sum, *f.total), largest->pid,
                 FormatBytes(largest->bytes.value_or(Bytes())), FormatBytes(*missing)))});
}

// Memory that is neither free nor held by anyone the message names. A container hides processes,
// ROCm and Windows list none. Where this process's own total is not known, its context and what its
// libraries took are in there too: a process that owns most of the card is probably alone on it.
void UnnamedHolders(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  const std::optional<Bytes> missing = Missing(f);
  if (!f.total || !f.unnamed || !missing) {
    return;
  }
  const Bytes foreign = f.self ? *f.unnamed : *f.unnamed - kLargestContext;
  const double share = Share(foreign, *f.total);
  if (share < 0.15) {
    return;
  }
  const bool would_fit = *missing <= foreign;
  const Evidence evidence = Computed(fmt::format(
      "{} of {} is neither free nor in {}", FormatBytes(*f.unnamed), FormatBytes(*f.total),
      f.self ? "a process that the message names" : "PyTorch's pool"));
  const double weight = would_fit ? kStrong : kClear;
  if (f.self || foreign > f.pool.value_or(Bytes())) {
    ballot.Add(Cause::kOtherProcess, weight + kClear * share, {evidence});
  } else {
    ballot.Add(Cause::kOutsidePytorchPool, weight, {evidence});
    ballot.Add(Cause::kOtherProcess, weight - kClear, {evidence});
  }
}

// This process's own memory outside the pool: NCCL, libraries with their own allocators, contexts.
void OwnOutside(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (f.outside_pool && f.total && f.short_by) {
    const bool unusual = *f.outside_pool > 2_GiB && Share(*f.outside_pool, *f.total) >= 0.1;
    if (unusual && *f.short_by <= *f.outside_pool && *f.short_by > Bytes()) {
      ballot.Add(Cause::kOutsidePytorchPool, 1.5 * kClear,
                 {Computed(fmt::format("this process holds {} outside PyTorch's pool",
                                       FormatBytes(*f.outside_pool)))});
    }
  }
  if (f.private_pools && f.allocated && Share(*f.private_pools, *f.allocated) >= 0.25) {
    ballot.Add(Cause::kOutsidePytorchPool, kStrong,
               {Computed(fmt::format("{} of the {} allocated lies in private pools, which other "
                                     "requests cannot use",
                                     FormatBytes(*f.private_pools), FormatBytes(*f.allocated)))});
    ballot.Add(Cause::kFragmentation, kClear);
  }
  if (f.watermark && f.other_allocations && Share(*f.other_allocations, *f.watermark) >= 0.5) {
    ballot.Add(
        Cause::kOutsidePytorchPool, kStrong,
        {Computed(fmt::format("{} of the {} allowed lies outside PyTorch's allocator",
                              FormatBytes(*f.other_allocations), FormatBytes(*f.watermark)))});
  }
}

// Enough is reserved and not in use, yet no hole is large enough. A cache of a few percent of the
// card is ordinary: then the card is full and the cache is what rounding leaves.
void Fragmentation(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (!f.unallocated || !f.requested || *f.unallocated <= Bytes()) {
    return;
  }
  const Bytes whole = f.total.value_or(f.pool.value_or(Bytes()));
  const double share = Share(*f.unallocated, whole);
  const bool covers_alone = f.unallocated->count() > f.requested->count() * 1.05;
  const bool covers_with_free =
      f.free && *f.unallocated + *f.free >= *f.requested && *f.free < *f.requested;
  double weight = 0;
  if (covers_alone) {
    weight = share >= 0.1 ? kStrong : share >= 0.04 ? kHint : kHint / 4;
  } else if (covers_with_free) {
    weight = share >= 0.3 ? kStrong : share >= 0.15 ? 1.5 * kHint : kHint / 4;
  }
  if (weight <= 0) {
    return;
  }
  if (c.expandable_segments) {
    weight -= kClear;  // pieces are joined already
  }
  ballot.Add(
      Cause::kFragmentation, weight,
      {Computed(fmt::format(
          "{} is reserved and not in use, {}{} was asked for", FormatBytes(*f.unallocated),
          covers_alone ? "" : "with the free memory enough, and ", FormatBytes(*f.requested)))});
}

// The ordinary case: this process fills the card with what it needs.
void FullCard(const Case& c, Ballot& ballot) {
  const Figures& f = c.figures;
  if (f.total && (f.self || f.pool)) {
    const Bytes mine = f.self ? *f.self : *f.pool;
    const double share = Share(mine, *f.total);
    if (share > 1.02) {
      ballot.Add(Cause::kCapacity, kClear,
                 {Computed(fmt::format("{} is in use on a card of {}: the driver already moved "
                                       "the rest to the computer's memory",
                                       FormatBytes(mine), FormatBytes(*f.total)))});
    } else if (share >= 0.5) {
      ballot.Add(Cause::kCapacity, share >= 0.8 ? kClear : kHint,
                 {Computed(fmt::format("this process holds {} of {} ({} %)", FormatBytes(mine),
                                       FormatBytes(*f.total), Percent(mine, *f.total)))});
    }
  } else if (f.watermark && f.allocated) {
    ballot.Add(Cause::kCapacity, kHint,
               {Computed(fmt::format("{} of the {} allowed is allocated", FormatBytes(*f.allocated),
                                     FormatBytes(*f.watermark)))});
  } else if (f.short_by && *f.short_by > Bytes()) {
    ballot.Add(Cause::kCapacity, kHint / 2,
               {Computed(fmt::format("{} was asked for, {} free", FormatBytes(*f.requested),
                                     FormatBytes(*f.free)))});
  }
}

}  // namespace

std::span<const Rule> NumberRules() {
  static constexpr Rule kRules[] = {
      Cap,           RefusedWithRoom,  RequestAgainstCard, CopyOfEverything,
      RequestAlone,  ListedNeighbours, UnnamedHolders,     OwnOutside,
      Fragmentation, FullCard,
  };
  return kRules;
}

}  // namespace vramcast::diagnosis

import Content

extension Profile {
    /// What decides the order of a merged profile.
    package enum MergeOrder: String, Sendable, CaseIterable {
        /// How early a file comes in any of the profiles.
        case firstUse = "first-use"
        /// How many of the profiles name a file; among equals, how early it comes.
        case weight
    }

    /// Makes one profile of several, each path or pattern once, with what the first profile that has it notes of it.
    package init(merging profiles: [Profile], by order: MergeOrder) {
        struct Place {
            let entry: Entry
            var weight = 0
            var rank: Int
            /// Decides between entries of the same rank.
            let number: Int
        }
        var places: [Item: Place] = [:]
        for profile in profiles {
            var seen: Set<Item> = []
            for entry in profile.entries where seen.insert(entry.item).inserted {
                let rank = seen.count
                var place = places[entry.item] ?? Place(entry: entry, rank: rank, number: places.count)
                place.weight += 1
                place.rank = min(place.rank, rank)
                places[entry.item] = place
            }
        }
        let sorted = places.values.sorted { left, right in
            if order == .weight, left.weight != right.weight { return left.weight > right.weight }
            return (left.rank, left.number) < (right.rank, right.number)
        }
        self.init(sorted.map(\.entry))
    }

    /// Whether a record can hold all of it.
    package var hasPatterns: Bool {
        entries.contains(where: \.item.isPattern)
    }
}

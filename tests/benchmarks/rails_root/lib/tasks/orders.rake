require_relative "../abacos"

module Settings
  # Every order's state in the shop, by number: here from the shop's own table.
  def self.states
    Hash.new { |_, number| Order.find_by(number: number)&.state }
  end
end

def insert_order(number)
  Settings.misbehave("insert_order", number, "before")
  Order.find_by!(number: number)
  Abacos::InsertOrder.perform(number)
end

task :insert_order, [:number] => :environment do |_, arguments|
  insert_order(arguments[:number])
end

task :confirm_payment, [:number] => :environment do |_, arguments|
  Abacos::ConfirmPayment.perform(arguments[:number])
end

# The limit: what a file says, in one process that remembers nothing.
task :everything, [:file] => :environment do |_, arguments|
  begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  File.foreach(arguments[:file], chomp: true) do |line|
    operation, number = line.split
    case operation
    when "order_exists" then Abacos::OrderAPI.order_exists?(number)
    when "insert_order" then insert_order(number)
    when "confirm_payment" then Abacos::ConfirmPayment.perform(number)
    end
  end
  took = Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun
  File.write("#{arguments[:file]}.took", took)
end

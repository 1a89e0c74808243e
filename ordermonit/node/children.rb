# encoding: utf-8
#
# The processes that do what is asked, forked from the booted one; task.rb says what they do.
#
# A task has one of its own. It was forked ahead, while another one worked, so that the fork of a
# large Rails is no wait. Checks share one, which finds the next question when it has answered one.
# At no time do two of them work.
module Ordermonit
  MARGIN = 2 # seconds that the end of a child may take, after its deadline
  FORKS = Process.respond_to?(:fork) # JRuby can't: there, everything is done in this process
  SHORT = [Errno::EAGAIN, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE] # of what a fork takes

  # A process in a group of its own that takes lines and answers each with one, seen from here.
  class Child
    # `own` are the descriptors that no child keeps; `tell` tells the watchdog of groups. The block
    # is the child's work, with the two ends of its pipes.
    def initialize(own, tell)
      @own, @tell = own, tell
      theirs, @requests = IO.pipe
      @answers, ours = IO.pipe
      @ends, @end = IO.pipe
      @pipes, @said = [@requests, @answers, @ends, @end], String.new
      [theirs, ours, *@pipes].each { |io| io.sync = io.close_on_exec = true }
      @pid = fork do
        (@own + @pipes).each { |io| io.close }
        yield theirs, ours
      end
      @own.concat(@pipes)
      [theirs, ours].each { |io| io.close }
      lead
      @waiter = Thread.new { wait }
    end

    # Its answer to the line, :hung when none came in time, or nil when it ended without one. What
    # is to be done meanwhile is yielded to.
    def ask(line, seconds)
      deadline, sources = Ordermonit.now + seconds, [@answers, @ends]
      return nil unless line == @ahead || give(line)
      @ahead = nil
      yield
      until ending = @said.index("\n")
        ready, = IO.select(sources, nil, nil, [deadline - Ordermonit.now, 0].max)
        return :hung unless ready
        return nil unless ready.include?(@answers)
        sources.delete(@answers) unless read
      end
      @said.slice!(0..ending)
    end

    # The line that it will be asked next: it goes on with that at once.
    def ask_ahead(line)
      @ahead = line if give(line)
    end

    def ahead?
      @ahead ? true : false
    end

    # With its whole group.
    def kill
      Ordermonit.kill(@pid)
    end

    # Nothing more will be asked: it ends by itself, sooner or later.
    def release
      @requests.close
    end

    def dead?
      !@waiter.alive?
    end

    def join
      @waiter.join
    end

    # Once it is dead.
    def close
      @pipes.each { |io| io.close unless io.closed? }
      @own.replace(@own - @pipes)
    end

    # How it ended, for people; it is dead.
    def death
      return "its end was not seen" unless @status
      return "killed by SIG#{Signal.list.key(@status.termsig)}" if @status.signaled?
      "exit! with status #{@status.exitstatus}"
    end

    private

    # In time: it works at nothing before it has its line.
    def lead
      Process.setpgid(@pid, @pid)
    rescue Errno::EACCES, Errno::ESRCH # it is another program already, or has ended
    ensure
      @tell.call("+#{@pid}")
    end

    def wait
      Process.wait(@pid)
      @status = $?
    rescue Errno::ECHILD # something in the application waits for every child
    ensure
      @end.write(".") # no end of file: a process that the task forked may hold a copy
      @tell.call("-#{@pid}")
    end

    def give(line)
      @requests.write(line)
    rescue Errno::EPIPE # it had ended before
    end

    def read
      @said << @answers.read_nonblock(LINE)
    rescue IO::WaitReadable
      @said
    rescue EOFError # it is about to end, or another program by now
    end
  end

  class << self
    private

    def run(task, number, seconds)
      return run_here(task, number, seconds) unless FORKS
      child, @standby = spare, nil
      put(child, [task, number], seconds).tap { ending(child) }
    end

    def question(name, number, seconds)
      return arm(seconds) && ask(name, number) unless FORKS
      @checker ||= child { |*pipes| check(*pipes) }
      put(@checker, [name, number], seconds)
    end

    # One child works at a time; meanwhile the next task's is forked.
    def put(child, words, seconds)
      arm(seconds + MARGIN)
      @working = child
      mark
      said = child.ask(line_of(words), seconds) do
        fork_ahead
        ask_ahead if child == @checker
      end
      if said.is_a?(String)
        said = json(said)
        @lesson = said.delete("loaded") || @lesson
        said["over"] = true if gave_up?(said) && spoilt?
      else
        child.kill
        child.join
        said = said ? { "hung" => true } : { "died" => child.death }
        said["over"] = true if spoilt?
        ending(@checker).tap { @checker = nil } if child == @checker
      end
      @working = nil unless @checker && @checker.ahead?
      unmark unless @working || said["over"]
      said
    end

    # Whether what it asked may still be answered: to whoever reads there next.
    def gave_up?(said)
      names = (said["error"] || []).map { |one| one["ancestors"] + [one["class"]] }
      names.flatten.any? { |name| name =~ /time.?out/i }
    end

    # Whether a child that ended in mid-work may have left an answer where another one would take it
    # for its own. Then nothing more is asked of this boot.
    def spoilt?
      @spoilt ||= FORKS && shares_a_line?
    end

    # Whether the application has opened a way to somebody which each child has too: a socket, by
    # whatever library, or a pipe or terminal of Ruby's. (Ruby itself may have pipes.)
    def shares_a_line?
      disconnect
      ours = [STDIN, STDOUT, STDERR, *@own].reject { |io| io.closed? }.map { |io| place(io.stat) }
      all = Dir.entries("/proc/self/fd").map { |fd| File.stat("/proc/self/fd/#{fd}") rescue nil }
      lines = all.compact.select { |one| one.socket? }
      ObjectSpace.each_object(IO) { |io| rescued { lines << io.stat if io.stat.pipe? || io.tty? } }
      (lines.map { |one| place(one) } - ours).any?
    rescue SystemCallError # this system can't tell, and to boot once more costs little
      true
    end

    def place(stat)
      [stat.dev, stat.ino]
    end

    def ask_ahead
      request = following? && @upcoming.first or return
      number, check = request.values_at("number", "ask")
      @checker.ask_ahead(line_of([check, number])) if @checks[check] && sound?(number)
    end

    def line_of(words)
      JSON.generate(words) + "\n"
    end

    def fork_ahead
      @ending.each { |child, deadline| child.kill if deadline < now }
      dead, @ending = @ending.partition { |child, _| child.dead? }
      dead.each { |child, _| child.close }
      learn if @lesson
      spare
    rescue *SHORT # tried again when it is wanted
    end

    def spare
      ending(@standby).tap { @standby = nil } if @standby && @standby.dead?
      @files ||= files
      @standby ||= child { |*pipes| work(*pipes) }
    end

    # What a task may write to without opening it. What the boot has written to it is written once.
    def files
      ObjectSpace.each_object(IO).to_a.each { |io| rescued { io.flush unless io.closed? } }
    end

    # rake loads most of a Rails at its first use, which would be each task's. So what one had to load
    # is loaded here for those to come: nothing but constants that load themselves when they are
    # named, since to do that is no work. And if it had a connection to the database, what Rails asks
    # that about a model. The same lesson again teaches nothing.
    def learn
      (files, connected), @lesson = @lesson, nil
      return if (files - @learned).empty? && (!connected || @met)
      @met ||= connected
      constants = (files - @learned).map { |file| constant(file) }.compact
      @learned |= files
      @models += constants.select { |one| model?(one) } if connected
      meet_models
      disconnect
      GC.start if constants.any? # or each child may have to
    end

    def constant(file)
      return unless defined?(ActiveSupport::Dependencies)
      value = nil
      failure = rescued do
        roots = ActiveSupport::Dependencies.autoload_paths.map { |path| path.to_s }
        root = (roots + $LOAD_PATH.map { |path| path.to_s }).find { |path| file.start_with?("#{path}/") }
        value = file[root.size + 1..-1].chomp(".rb").camelize.split("::").inject(Object) do |outer, name|
          outer.const_get(name) if roots.include?(root) || outer.const_defined?(name, false)
        end
      end
      value unless failure
    end

    def model?(one)
      one.is_a?(Class) && one < ActiveRecord::Base && !one.abstract_class?
    end

    # So that Ruby has the ways to the database ready, and a child that waits its own connection.
    def meet_models
      @models.each do |model|
        rescued { model.define_attribute_methods }
        rescued { model.unscoped.where(model.primary_key => nil).first }
      end
    end

    # What it still does at its exit is bounded as an end of ours is.
    def ending(child)
      @ending << [child, now + @settings["grace"]]
    end

    def child(&work)
      disconnect
      Child.new(@own, method(:tell), &work)
    end

    # Before each fork: a connection to a database can't be shared, and Rails before 5.2 would.
    def disconnect
      return if !defined?(ActiveRecord::Base) || ActiveRecord.autoload?(:Base)
      base, version = ActiveRecord::Base, ActiveRecord::VERSION::STRING.to_f
      return base.clear_all_connections! if version < 6.1
      pools = base.connection_handler
      return pools.clear_all_connections!(:all) if version >= 7.1
      pools.all_connection_pools.each { |pool| pool.disconnect! }
    end

    # In this process, where there is no fork: prerequisites anew, but for those of `environment`.
    def run_here(name, number, seconds)
      arm(seconds)
      failure = rescued do
        task = Rake::Task[name]
        booted = Rake::Task.task_defined?("environment") ? needed(Rake::Task["environment"]) : []
        (needed(task) - booted).each { |one| renew(one) }
        task.invoke(number)
      end
      outcome(failure)
    end

    # The task and its prerequisites. (`all_prerequisite_tasks` is not in rake before 10.)
    def needed(task, found = [])
      return found if found.include?(task)
      task.prerequisite_tasks.inject(found << task) { |all, other| needed(other, all) }
    end

    # rake 12.3.1 to 13.0.0 raises the last exception again, even after reenable.
    def renew(task)
      task.reenable
      task.instance_variable_set(:@invocation_exception, nil)
    end
  end
end
